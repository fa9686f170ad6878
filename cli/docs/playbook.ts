import type { Action } from '../../domain/action.ts';
import { isRequired } from '../../language/run/inputs.ts';
import {
  walkSteps,
  type ChildPlaybook,
  type CompiledPlaybook,
  type Step,
} from '../../language/run/playbook.ts';
import { mermaid } from '../graph/mermaid.ts';
import { graphOf } from '../graph/model.ts';
import { permissionLine } from '../render/permission.ts';
import { approvalText, durationText, inputText, stepText, templateText } from '../playbook-text.ts';
import { code, plain, table } from './markdown.ts';

/** The reference page of a playbook, from what it was resolved to. */
export function playbookPage({ playbook, digest }: CompiledPlaybook, actions: readonly Action[]): string {
  const used = actions.filter(({ name }) => Object.hasOwn(playbook.actions, name));
  const steps = [...walkSteps(playbook)];
  return [
    `# ${plain(playbook.id)}: ${plain(playbook.name)}`,
    '',
    ...(playbook.description === '' ? [] : [plain(playbook.description), '']),
    ...about(playbook, digest),
    '## Inputs',
    '',
    ...inputs(playbook),
    '## Steps',
    '',
    '```mermaid',
    mermaid(graphOf(playbook)).trimEnd(),
    '```',
    '',
    ...table(
      ['step', 'what it does', 'if', 'undo'],
      steps.map(({ path, step }) => [
        code(path),
        code(stepText(step)),
        step.if === undefined ? '' : code(step.if.cel),
        undo(step, playbook.actions),
      ]),
    ),
    ...section(
      'Approvals',
      steps.flatMap(({ path, step }) => {
        const who = approval(step, playbook.actions);
        return who === undefined ? [] : [`- ${code(path)}: ${plain(who)}`];
      }),
    ),
    ...section(
      'Outputs',
      Object.entries(playbook.outputs ?? {}).map(
        ([name, value]) => `- ${code(name)}: ${code(templateText(value))}`,
      ),
    ),
    ...section(
      'Permissions',
      [...new Set(used.flatMap(({ permissions }) => permissions.map(permissionLine)))]
        .toSorted()
        .map((line) => `- ${code(line)}`),
    ),
    ...section(
      'Not covered',
      used.flatMap(({ name, notCovered }) =>
        notCovered.map(({ text }) => `- ${plain(text)} (${code(name)})`),
      ),
    ),
    ...section(
      'References',
      (playbook.references ?? []).map(({ title, url }) => `- ${plain(title)}: ${code(url)}`),
    ),
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
}

function about(playbook: ChildPlaybook, digest: string): string[] {
  const { version, owner, runbook, severity } = playbook;
  const rows: [string, string | undefined][] = [
    ['version', String(version)],
    ['owner', owner],
    ['runbook', runbook],
    ['severity', severity],
    ['digest', digest],
  ];
  return table(
    ['about', ''],
    rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, code(value)]])),
  );
}

function inputs({ inputs: declared }: ChildPlaybook): string[] {
  const rows = Object.entries(declared).map(([name, input]) => [
    code(name),
    code(inputText(input)),
    isRequired(input)
      ? '**required**'
      : input.default === undefined
        ? ''
        : code(JSON.stringify(input.default)),
    plain(input.description ?? ''),
  ]);
  return rows.length === 0 ? ['None.', ''] : table(['input', 'type', 'default', 'meaning'], rows);
}

type Signatures = CompiledPlaybook['playbook']['actions'];

function undo(step: Step, signatures: Signatures): string {
  if (step.kind !== 'action') return '';
  const effect = signatures[step.uses]?.effect;
  if (effect === 'read') return 'nothing to undo';
  if (step.undo === 'on-failure') return 'when a later step fails';
  if (step.undo === 'ask') return 'people are asked when a later step fails';
  return signatures[step.uses]?.holds === true
    ? `when people release it${step.hold === undefined ? '' : `; asked after ${durationText(step.hold.forMs)}`}`
    : 'never';
}

function approval(step: Step, signatures: Signatures): string | undefined {
  if (step.kind === 'ask')
    return `a form, from ${step.from.join(', ')} within ${durationText(step.withinMs)}`;
  if (step.kind === 'approve') return approvalText(step.approve);
  if (step.kind !== 'action') return undefined;
  if (step.approve !== undefined)
    return `${step.phase === undefined ? '' : `phase ${step.phase.id}: `}${approvalText(step.approve)}`;
  return signatures[step.uses]?.effect === 'read' ? undefined : "as the configuration's default says";
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`## ${title}`, '', ...lines, ''];
}
