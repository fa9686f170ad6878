import type { ShownGate, ShownIncident, ShownStep } from '../answers.ts';
import type { FormField } from '../../domain/decision.ts';
import { wanted } from '../../domain/form.ts';
import { paint, paragraph, safe } from '../output.ts';
import { limits } from './limits.ts';
import { duration, when } from './time.ts';

/** A gate as the person sees it who is to decide: all that its digest binds, and what the step does not cover. */
export function renderGate(
  view: ShownIncident,
  { gate, digest, consequences, decisions, escalated }: ShownGate,
): string {
  const { approval } = gate;
  const who = `${approval.count} of ${approval.from.map((group) => safe(group, 64)).join(', ')}`;
  const answers = gate.purpose === 'answer';
  const called = escalated ? ', or those it was escalated to' : '';
  const lines = [
    paint('bold', `${safe(gate.id, 700)}: ${purposes[gate.purpose] ?? safe(gate.purpose, 40)}`),
    field('Incident', `${safe(view.incident, 64)}, ${safe(view.title)}`),
    ...(gate.question === undefined ? [] : [field('Question', safe(gate.question, 2_000))]),
    ...Object.entries(gate.form ?? {}).map(([name, one]) => field('Field', asked(name, one))),
    ...impact(consequences, answers),
    ...gate.authorities.flatMap(authority),
    ...(gate.undo === undefined ? [] : [field('Then', 'a later failure undoes it, without asking again')]),
    ...(gate.hold === undefined
      ? []
      : [field('Holds', `for ${duration(gate.hold.forMs)}, then people are called`)]),
    ...(gate.base ?? []).map((base) => field('Restores', safe(base, 80))),
    // A form grants nothing: who requested it may fill it in.
    answers
      ? field('May answer', `${who}${called}`)
      : field('May decide', `${who}${called}; not ${safe(gate.requester, 64)}, who requested it`),
    field('Until', `${when(gate.expiresAt)}; after that ${expired(gate.purpose)}`),
    ...decisions.map(({ person, verdict, at }) =>
      field('So far', `${safe(person, 64)}: ${safe(verdict, 20)}, ${when(at)}`),
    ),
    field('Digest', safe(digest, 80)),
    ...limits(notCovered(view, gate.id)),
  ];
  return lines.join('\n');
}

/** What happens either way, as Slack says it. */
function impact(
  { ifApproved, ifDenied, changes, changeCount, undo }: ShownGate['consequences'],
  answers: boolean,
): string[] {
  const rest = changeCount - changes.length;
  return [
    ...ifApproved.map((text) => field(answers ? 'If answered' : 'If approved', safe(text))),
    ...ifDenied.map((text) => field(answers ? 'If not' : 'If denied', safe(text))),
    ...changes.map((text) => field('Change', safe(text))),
    ...(rest > 0 ? [field('', `and ${rest} more changes`)] : []),
    ...(undo === '' ? [] : [field('To undo', safe(undo))]),
  ];
}

const purposes: { readonly [purpose: string]: string } = {
  contain: 'contain',
  change: 'change something',
  undo: 'undo a change',
  release: 'release what is held',
  proceed: 'go on, or not',
  answer: 'fill in a form',
};

function expired(purpose: string): string {
  return purpose === 'proceed' || purpose === 'answer'
    ? 'the playbook does not go on from here'
    : 'nothing is changed';
}

/** `pods (a whole number from 1 to 10; else 2): How many pods?` */
function asked(name: string, one: FormField): string {
  const preset = one.default === undefined ? '' : `; else ${safe(JSON.stringify(one.default), 100)}`;
  return `${safe(name, 64)} (${safe(wanted(one), 400)}${preset}): ${safe(one.title, 300)}`;
}

function authority({
  action,
  targets,
  rule,
  caps,
  undo,
  exact,
}: ShownGate['gate']['authorities'][number]): string[] {
  const limitsOf = Object.entries(caps).map(([name, value]) => `${safe(name, 64)} ${safe(value, 32)}`);
  return [
    field('Action', safe(action, 100)),
    ...targets.map(({ kind, cluster, namespace, name, uid }) =>
      field(
        'Target',
        `${safe(kind, 64)} ${namespace === undefined ? '' : `${safe(namespace, 80)}/`}${safe(name, 253)} in cluster ${safe(cluster, 80)}, uid ${safe(uid, 64)}`,
      ),
    ),
    field('Rule', safe(rule, 1_000)),
    ...(limitsOf.length === 0 ? [] : [field('At most', limitsOf.join(', '))]),
    ...(exact === undefined ? [] : [field('Exactly', safe(exact, 80))]),
    field('Undo', undo === 'restore' ? 'restores what was there' : 'there is none'),
  ];
}

/** Of the step that a gate is about: `quarantine#2` asks about `quarantine`. */
function notCovered(view: ShownIncident, gate: string): ShownStep['notCovered'] {
  const step = gate.replace(/#\d+$/, '');
  return view.steps.find(({ id }) => id === step)?.notCovered ?? [];
}

function field(name: string, text: string): string {
  return paragraph(text, ' '.repeat(12), name.padEnd(12));
}
