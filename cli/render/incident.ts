import type { Verdict } from '../../domain/action.ts';
import type { IncidentSummary, ShownGate, ShownIncident, ShownStep } from '../answers.ts';
import { paint, paragraph, safe, table, type Style } from '../output.ts';
import { renderGate } from './gate.ts';
import { limits } from './limits.ts';
import { when } from './time.ts';

export function renderList(incidents: readonly IncidentSummary[]): string {
  if (incidents.length === 0) return 'No incidents.';
  const rows = incidents.map(({ incident, status, outcome, severity, title }) => [
    safe(incident, 64),
    safe(outcome === undefined ? status : `${status}, ${outcome}`, 30),
    safe(severity, 10),
    safe(title, 80),
  ]);
  return table(['INCIDENT', 'STATUS', 'SEVERITY', 'TITLE'], rows);
}

/** An incident on 80 columns: how it stands, what it asks, then each step with how well its effect is known. */
export function renderIncident(view: ShownIncident): string {
  const { playbook, outcome } = view;
  const ended = outcome === undefined ? '' : `, ${safe(outcome, 30)}`;
  return [
    paint('bold', paragraph(safe(view.title), '')),
    `${safe(view.incident, 64)}  ${paint(['bold', statusStyle(view)], safe(view.status, 30).toUpperCase())}${ended}  severity ${safe(view.severity, 10)}`,
    paragraph(
      `${safe(playbook.id, 64)} ${safe(playbook.name, 100)}, version ${safe(playbook.version, 10)}; mode ${safe(view.mode, 20)}; requested by ${safe(view.requester, 64)}`,
    ),
    `Opened ${when(view.openedAt)}${view.closedAt === undefined ? '' : `; closed ${when(view.closedAt)}`}`,
    `${counted(view.alerts, 'alert')}; ledger ${counted(view.ledger.count, 'entry', 'entries')}${view.predecessor === undefined ? '' : `; follows ${safe(view.predecessor, 64)}`}`,
    ...view.gates.flatMap((gate) => [
      '',
      paint(
        ['bold', 'yellow'],
        `DECISION NEEDED${gate.escalated ? ' (escalated: nobody has answered)' : ''}`,
      ),
      renderGate(view, gate),
      paint('cyan', `$ firebreak incident ${command(gate)}`),
    ]),
    ...view.steps.flatMap((step) => ['', ...renderStep(step)]),
    ...omitted(view),
    ...outputs(view),
  ].join('\n');
}

/** How to answer; the quotes are the shell's, as an address may hold brackets. */
function command({ gate }: ShownGate): string {
  const id = safe(gate.id, 700);
  const incident = safe(gate.incident, 64);
  const which = /^[\w.#/-]+$/.test(id) ? id : `'${id.replaceAll("'", "'\\''")}'`;
  if (gate.purpose !== 'answer') return `approve ${incident} ${which}`;
  const fields = Object.keys(gate.form ?? {}).map((name) => ` --set ${safe(name, 64)}=…`);
  return `answer ${incident} --gate ${which}${fields.join('')}`;
}

function omitted({ stepsOmitted = 0 }: ShownIncident): string[] {
  return stepsOmitted === 0 ? [] : ['', `And ${stepsOmitted} steps of loops that ended well.`];
}

function outputs({ outputs: found = {} }: ShownIncident): string[] {
  const lines = Object.entries(found).map(([name, value]) =>
    paragraph(`${safe(name, 64)}: ${safe(JSON.stringify(value) ?? '', 1_000)}`, '    ', '  '),
  );
  return lines.length === 0 ? [] : ['', paint('bold', 'Outputs'), ...lines];
}

function renderStep(step: ShownStep): string[] {
  const { applied, verification, undone } = step;
  const changes =
    // What only reads makes none, and finds none done.
    applied === undefined || (applied.changes === 0 && applied.already === 0)
      ? []
      : [`  ${counted(applied.changes, 'change')} made, ${safe(applied.already, 10)} found done`];
  return [
    `${paint(stepStyle(step), safe(step.status, 20).toUpperCase().padEnd(10))} ${paint('bold', safe(step.id, 700))}  ${safe(step.action, 100)}`,
    ...(step.why === undefined ? [] : [paragraph(safe(step.why), '  ')]),
    ...(step.holdUntil === undefined ? [] : [`  Holds until ${when(step.holdUntil)}`]),
    ...changes,
    ...(applied?.unavailable ?? []).map(({ what, why }) =>
      paragraph(`Not to be had: ${safe(what, 200)} (${safe(why, 200)})`, '    ', '  '),
    ),
    ...(verification === undefined ? [] : [`  What was applied is ${safe(verification.state, 20)}`]),
    ...[...(verification?.claims ?? []), ...(undone?.claims ?? [])].map(({ claim, verdict, detail }) =>
      paragraph(`${verdictText(verdict)} ${safe(claim)}: ${safe(detail)}`, ' '.repeat(17), '  '),
    ),
    ...(undone === undefined
      ? []
      : [`  Undone: ${counted(undone.changes.length, 'change')}, ${safe(undone.already, 10)} found done`]),
    ...(undone?.conflicts ?? []).map(({ object, why }) =>
      paragraph(`${paint('yellow', 'kept')} ${safe(object, 200)}: ${safe(why)}`, '    ', '  '),
    ),
    ...(undone?.notRestored ?? []).map((object) =>
      paragraph(`${paint('yellow', 'not restored')} ${safe(object, 200)}`, '    ', '  '),
    ),
    ...limits(step.notCovered, '  '),
  ];
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${safe(count, 10)} ${count === 1 ? one : many}`;
}

const verdictStyles: { readonly [verdict: string]: Style } = {
  verified: 'green',
  evaluated: 'cyan',
  unverifiable: 'yellow',
  failed: 'red',
};

function verdictText(verdict: Verdict): string {
  return paint(verdictStyles[verdict] ?? 'red', safe(verdict, 20).padEnd(14));
}

function statusStyle({ status, gates }: ShownIncident): Style {
  if (gates.length > 0 || status === 'taken-over') return 'yellow';
  return status === 'closed' ? 'green' : 'cyan';
}

function stepStyle({ status }: ShownStep): Style {
  if (status === 'failed' || status === 'refused' || status === 'denied') return 'red';
  if (status === 'cancelled' || status === 'undone') return 'yellow';
  if (status === 'held' || status === 'done' || status === 'released') return 'green';
  return 'dim';
}
