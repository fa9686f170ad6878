import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { examplesOf } from '../../../cli/help.ts';
import { createProgram } from '../../../cli/program.ts';
import { reference } from '../../../cli/reference.ts';
import { firebreak } from '../../support/cli.ts';

function leaves(command: Command, path: string[] = []): { path: string[]; command: Command }[] {
  const children = command.commands.filter((child) => !['help', 'complete'].includes(child.name()));
  if (children.length === 0) return [{ path, command }];
  return children.flatMap((child) => leaves(child, [...path, child.name()]));
}

test('every command explains itself, with examples that are command lines of its own', () => {
  const all = leaves(createProgram());
  expect(all.length).toBeGreaterThan(25);
  for (const { path, command } of all) {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    expect(help).toContain(`Usage: firebreak ${path.join(' ')}`);
    expect(help).toContain('Global Options:');
    expect(help).toContain('Examples:');
    for (const [example] of examplesOf(command)) expect(example).toContain(path.join(' '));
  }
});

test('help goes to standard output, without colours where there is no terminal', async () => {
  const { code, stdout, stderr } = await firebreak(['incident', 'approve', '--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('Usage: firebreak incident approve [options] <incident> [gate]');
  expect(stdout).not.toContain('\u001b');
});

test('the reference page is what the commands say', async () => {
  const written = await readFile(new URL('../../../docs/reference/cli.md', import.meta.url), 'utf8');
  expect(written).toBe(reference());
  for (const { path } of leaves(createProgram()))
    expect(written).toContain(`# firebreak ${path.join(' ')}\n`);
});

test.each([
  [['incidnt'], "unknown command 'incidnt'", 'Did you mean incident?'],
  [['incident', 'aprove'], "unknown command 'aprove'", 'Did you mean approve?'],
  [['incident', 'list', '--staus', 'open'], "unknown option '--staus'", 'Did you mean --status?'],
  [['token', 'list', 'more'], 'too many arguments', ''],
  [['audit', 'verify', 'bundle'], "required option '-k, --key <file>'", ''],
  [['incident', 'list', '--status', 'odd'], 'Allowed choices are open, closed, all', ''],
  [['incident', 'show', '../tokens'], 'inc-0123456789abcdef-abc234', ''],
])('a wrong command line ends with 2 and a hint: %j', async (args, said, hint) => {
  const { code, stdout, stderr } = await firebreak(args);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain(said);
  expect(stderr).toContain(hint);
});

test('without a command it prints help on standard error and ends with 2', async () => {
  const { code, stdout, stderr } = await firebreak([]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('Usage: firebreak');
});

test('errors are JSON where JSON was asked for', async () => {
  const wrong = await firebreak(['--json', 'token', 'lst']);
  expect(JSON.parse(wrong.stderr)).toMatchObject({
    error: { code: 'FB6101', exit: 2 },
  });
  const missing = await firebreak(['token', 'list', '--json', '--config', 'no-such.yaml']);
  expect(JSON.parse(missing.stderr)).toMatchObject({ error: { code: 'FB6001', exit: 2 } });
  expect(missing.stdout).toBe('');
});

test.each(['bash', 'zsh', 'fish'])('completion for %s is a script that shell can read', async (shell) => {
  const { code, stdout } = await firebreak(['completion', shell]);
  expect(code).toBe(0);
  expect(stdout).toContain('firebreak complete --');
  if (shell === 'bash') execFileSync('bash', ['-n'], { input: stdout });
});

function names({ stdout }: { stdout: string }): (string | undefined)[] {
  return stdout.split('\n').map((line) => line.split('\t')[0]);
}

test('completion knows commands, options and their choices', async () => {
  const [commands, options, choices] = await Promise.all([
    firebreak(['complete', '--', 'incident', 'a']),
    firebreak(['complete', '--', 'incident', 'deny', '--']),
    firebreak(['complete', '--', 'incident', 'list', '--status', '']),
  ]);
  expect(names(commands)).toContain('approve');
  expect(names(commands)).not.toContain('deny');
  expect(names(options)).toEqual(expect.arrayContaining(['--reason', '--digest']));
  expect(names(choices)).toEqual(expect.arrayContaining(['open', 'closed', 'all']));
});

const systemNode = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path));
const major =
  systemNode === undefined
    ? 24
    : Number(execFileSync(systemNode, ['-p', 'process.versions.node.split(".")[0]']));
const onOldNode = systemNode !== undefined && major < 24 ? test : test.skip;

onOldNode('an older Node hands over to the one in node_modules: output, exit code and all', async () => {
  const good = await firebreak(['--version'], { node: systemNode ?? '' });
  expect(good).toMatchObject({ code: 0, stderr: '' });
  expect(good.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  const wrong = await firebreak(['incident', 'aprove'], { node: systemNode ?? '' });
  expect(wrong.code).toBe(2);
});

onOldNode('a Node that is handed over to and is too old says so, and does not try for ever', async () => {
  const { code, stderr } = await firebreak(['--version'], {
    node: systemNode ?? '',
    env: { FIREBREAK_HANDED_OVER: '1' },
  });
  expect(code).toBe(1);
  expect(stderr).toContain('Node 24.15 or newer is needed');
});
