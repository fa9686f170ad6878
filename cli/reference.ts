import type { Argument, Command, Option } from 'commander';
import { exitCodes } from './failure.ts';
import { examplesOf } from './help.ts';
import { createProgram } from './program.ts';

const meanings: { readonly [name in keyof typeof exitCodes]: string } = {
  ok: 'done, and nothing wrong was found',
  failed: 'it failed, or it found something wrong: a bad playbook, a bundle with findings, a failed check',
  usage: 'the command line is wrong, or the configuration or token that it needs',
  refused: 'the gateway or a guardrail refused',
  unreachable: 'the gateway, or what stands behind it, did not answer; try again',
};

/** `docs/reference/cli.md`, from the commands themselves: a test keeps the two the same. */
export function reference(program: Command = createProgram()): string {
  return [
    '# The `firebreak` command',
    '',
    '<!-- Written by `node cli/reference.ts`; a test checks it. -->',
    '',
    program.description(),
    'Data goes to standard output; progress, questions and errors go to standard error. Colours are for terminals only,',
    'and `NO_COLOR` turns them off. Text that alerts or people wrote is shown without its control characters.',
    '',
    '## Exit codes',
    '',
    '| code | meaning |',
    '|---|---|',
    ...Object.entries(meanings).map(([name, meaning]) => `| ${codeOf(name)} | ${meaning} |`),
    '',
    'A signal that ends it gives 128 and its number.',
    '',
    '## Environment',
    '',
    '| variable | meaning |',
    '|---|---|',
    '| `FIREBREAK_TOKEN` | your personal token. It is never an argument, which everybody on the machine could read |',
    ...program.options.flatMap(({ envVar, long }) =>
      envVar === undefined ? [] : [`| \`${envVar}\` | in place of \`${long ?? ''}\` |`],
    ),
    '| `NO_COLOR` | no colours |',
    '| `FIREBREAK_DEBUG` | print the stack of an unexpected error |',
    '',
    'A token that decides needs the scopes `read` and `decide`: you are shown what you decide on. It is sent over `https`, or to this',
    'machine.',
    '',
    '## Options of every command',
    '',
    ...options(program),
    '',
    ...program.commands.filter(isShown).flatMap((command) => section(command, 'firebreak')),
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
}

function section(command: Command, parent: string): string[] {
  const line = `${parent} ${command.name()}`;
  const children = command.commands.filter(isShown);
  if (children.length > 0)
    return [
      `## ${line}`,
      '',
      command.description(),
      '',
      ...children.flatMap((child) => section(child, line)),
    ];
  const usage = command.registeredArguments.map(argument).join(' ');
  const own = options(command);
  return [
    `${parent === 'firebreak' ? '##' : '###'} ${line}`,
    '',
    command.description(),
    '',
    '```',
    `${line}${usage === '' ? '' : ` ${usage}`}${own.length === 0 ? '' : ' [options]'}`,
    '```',
    '',
    ...table(
      'argument',
      command.registeredArguments.map((one) => [argument(one), one.description]),
    ),
    ...(own.length === 0 ? [] : [...own, '']),
    ...examplesOf(command).flatMap(([example, purpose]) => [`- \`${example}\`: ${purpose}`]),
    '',
  ];
}

function options(command: Command): string[] {
  return table(
    'option',
    command.options.map((option) => [option.flags, [option.description, ...remarks(option)].join('; ')]),
  ).slice(0, -1);
}

function remarks({ mandatory, defaultValue, defaultValueDescription, argChoices }: Option): string[] {
  const preset: unknown = defaultValueDescription ?? defaultValue;
  return [
    ...(mandatory ? ['**required**'] : []),
    ...(argChoices === undefined ? [] : [`one of ${argChoices.map((choice) => `\`${choice}\``).join(', ')}`]),
    ...(typeof preset === 'string' && preset !== '' ? [`default \`${preset}\``] : []),
  ];
}

function table(heading: string, rows: readonly (readonly [string, string])[]): string[] {
  if (rows.length === 0) return [];
  return [
    `| ${heading} | meaning |`,
    '|---|---|',
    ...rows.map(([name, meaning]) => `| \`${name}\` | ${meaning.replaceAll('|', '\\|')} |`),
    '',
  ];
}

function argument(one: Argument): string {
  const name = `${one.name()}${one.variadic ? '...' : ''}`;
  return one.required ? `<${name}>` : `[${name}]`;
}

function isShown(command: Command): boolean {
  return !['help', 'complete'].includes(command.name());
}

function codeOf(name: string): string {
  return String(Object.entries(exitCodes).find(([known]) => known === name)?.[1]);
}

if (import.meta.main) process.stdout.write(reference());
