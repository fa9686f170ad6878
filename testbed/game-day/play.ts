import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { kubectl } from '../demo/firebreak.ts';
import { falcoAlert } from '../demo/shop.ts';
import type { Kubernetes } from '../kubernetes.ts';
import type { SlackTestbed } from '../slack.ts';
import type { Api, View } from './api.ts';
import type { Beside } from './beside.ts';
import { laterRevisions, objectsOf } from './cluster.ts';
import type { Histories } from './histories.ts';
import { Mishaps } from './mishaps.ts';
import { notRunning } from './runs.ts';
import { leaksOf, pushedOf, type Leak, type PushedImages } from './leaks.ts';
import type { Rehearsal } from './rehearsal.ts';
import { standIn, type StandIns } from './stand-ins.ts';
import { steal, type Loot } from './stolen.ts';
import { timesOf, type Times } from './times.ts';

/** Everything a rehearsal needs, up and ready. */
export interface House {
  kubernetes: Kubernetes;
  slack: SlackTestbed;
  api: Api;
  channel: string;
  beside: Beside;
  histories: Pick<Histories, 'look'>;
  /** Told what happens, as it happens. */
  seen: (text: string) => void;
}

export interface Played {
  playbook: string;
  incident: string;
  /** What was not as expected; empty when all was. */
  wrong: string[];
  times: Times;
  leaks: Leak[];
  pushed?: PushedImages;
}

const approve = 'firebreak.approve';
const everyMs = 100;
const releaseMs = 90_000;

/** Plays one rehearsal: creates what it is about, opens the incident, answers as people would, and compares. */
export async function play(house: House, playbook: string, rehearsal: Rehearsal): Promise<Played> {
  const loot: Loot[] = [];
  const known = await furnish(house, rehearsal, loot);
  for (const stolen of rehearsal.stolen) {
    const one = await steal(house, stolen);
    house.seen(
      `stolen, and it works: ${one.what}${one.pushed.length === 0 ? '' : `; ${one.pushed.length} images pushed with it`}`,
    );
    house.beside.remember(`${one.what}, stolen for ${playbook}`, one.value);
    loot.push(one);
  }
  const mishaps = await Mishaps.prepare(house, rehearsal.mishaps, house.seen);
  const began = Date.now();
  const incident = await open(house, playbook, rehearsal, known);
  house.seen(`opened: ${incident}`);
  const { expect } = rehearsal;
  const end = began + expect.within;
  const wrong: string[] = [];
  const reached = await untilStatus(house, incident, rehearsal, expect.status, end, mishaps);
  for (const never of await mishaps.mend()) wrong.push(`it never came to this: ${never}`);
  wrong.push(...(await notRunning(house.kubernetes, expect.runs, known)));
  if (reached.status !== expect.status)
    wrong.push(
      `after ${expect.within / 1_000} s it is ${reached.status}, not ${expect.status}; it waits for: ${openGates(reached)}`,
    );
  if (expect.outcome !== undefined && reached.outcome !== expect.outcome)
    wrong.push(`it ended as ${reached.outcome ?? 'nothing'}, not ${expect.outcome}`);
  for (const [id, status] of Object.entries(expect.steps)) {
    const step = reached.steps.find((each) => each.id === id);
    if (step?.status !== status)
      wrong.push(
        `step ${id} is ${step?.status ?? 'not there'}, not ${status}${step?.why === undefined ? '' : `: ${step.why}`}`,
      );
  }
  for (const [name, value] of Object.entries(expect.outputs))
    if (!isDeepStrictEqual(reached.outputs?.[name], value))
      wrong.push(
        `the output ${name} is ${JSON.stringify(reached.outputs?.[name]) ?? 'not there'}, not ${JSON.stringify(value)}`,
      );
  // Before the release: it lets a session that has not expired work again.
  await Promise.all(loot.map((one) => one.caught()));
  if (rehearsal.release && reached.status !== 'closed') {
    await house.api.command('ada', incident, { command: 'release', reason: 'The rehearsal is over.' });
    const answers: Rehearsal['answers'] = [{ gate: 'release*', by: 'ben', verdict: 'approve' }];
    const last = await untilStatus(
      house,
      incident,
      { ...rehearsal, answers },
      'closed',
      Date.now() + releaseMs,
    );
    if (last.status !== 'closed') wrong.push(`it was not released: it is ${last.status}`);
  }
  const entries = await house.api.ledger(incident);
  const leaks = leaksOf(loot, entries, wrong);
  const pushed =
    expect.pushed === undefined
      ? {}
      : { pushed: pushedOf(expect.pushed, loot, reached, { entries, began }, wrong) };
  return { playbook, incident, wrong, times: timesOf(entries, began), leaks, ...pushed };
}

/** A window of measurements before anything is changed. */
const measuredSeconds = 10;

async function furnish(
  { kubernetes, beside, seen }: House,
  rehearsal: Rehearsal,
  loot: readonly Loot[],
): Promise<StandIns> {
  const images = beside.signedImages?.references;
  const known: StandIns = { loot, ...(images === undefined ? {} : { images }) };
  if (rehearsal.namespaces.length === 0) return known;
  const kube = async (args: readonly string[], input?: string) => {
    const { code, stderr } = await kubectl(kubernetes, kubernetes.adminKubeconfig, args, input);
    if (code !== 0) throw new Error(stderr);
  };
  const rolledOut = async () => {
    for (const { name, workloads } of rehearsal.namespaces)
      for (const workload of workloads)
        await kube(['-n', name, 'rollout', 'status', `${workload.kind}/${workload.name}`, '--timeout=60s']);
  };
  await kube(['apply', '-f', '-'], JSON.stringify(objectsOf(rehearsal, known)));
  await rolledOut();
  await beside.metrics?.full(measuredSeconds);
  const isChanged = rehearsal.namespaces.some(({ workloads }) =>
    workloads.some(({ before }) => before.length > 0),
  );
  if (isChanged) {
    // The API server tells whole seconds: what was before is so by one at least, and what comes after.
    await sleep(1_000);
    known.changedAt = new Date().toISOString();
    await sleep(1_000);
  }
  for (const { name, workloads } of rehearsal.namespaces)
    for (const workload of workloads)
      for (const revision of laterRevisions(name, workload, known)) {
        await kube(['apply', '-f', '-'], JSON.stringify(revision));
        await rolledOut();
      }
  seen(`there now: ${rehearsal.namespaces.map(({ name }) => name).join(', ')}, and what runs there`);
  return known;
}

async function open(
  { api, kubernetes }: House,
  playbook: string,
  { open: how, about }: Rehearsal,
  known: StandIns,
): Promise<string> {
  if ('run' in how) {
    const { by, severity } = how.run;
    const inputs = Object.fromEntries(
      Object.entries(how.run.inputs).map(([name, value]) => [name, standIn(value, known)]),
    );
    return api.run(by, { playbook, inputs, reason: about, ...(severity === undefined ? {} : { severity }) });
  }
  if ('report' in how) {
    const { rule, namespace } = how.report;
    // What a finder of a credential tells of: since when it has been lying there.
    return api.report({ rule, namespace, detectedAt: known.changedAt ?? new Date().toISOString() });
  }
  const { namespace } = how.alert;
  const first = ['-n', namespace, 'get', 'pods', '-o', 'jsonpath={.items[0].metadata.name}'];
  const { stdout } = await kubectl(kubernetes, kubernetes.adminKubeconfig, first);
  return api.alert(falcoAlert(stdout, new Date(), namespace));
}

/** Answers every question as the rehearsal says, until the incident has a status; the last view when it does not in time. */
async function untilStatus(
  house: House,
  incident: string,
  { answers }: Pick<Rehearsal, 'answers'>,
  status: string,
  end: number,
  mishaps?: Mishaps,
): Promise<View> {
  const given = new Set<string>();
  for (;;) {
    const view = await house.api.view(incident);
    await house.histories.look();
    await mishaps?.due(view);
    // A containment is held a moment before its playbook has ended.
    const isSettled = !view.steps.some((step) => step.status === 'running' || step.status === 'waiting');
    if ((view.status === status && isSettled && view.gates.length === 0) || Date.now() > end) return view;
    for (const { gate, digest } of view.gates) {
      // One voice a person: a question for two has an answer of each.
      const rule = answers.find((each) => fits(each.gate, gate.id) && !given.has(`${gate.id}/${each.by}`));
      if (rule === undefined) continue;
      given.add(`${gate.id}/${rule.by}`);
      await sleep(rule.after ?? 0);
      await answer(house, incident, gate.id, digest, rule);
      house.seen(
        `${rule.by} ${rule.verdict === 'deny' ? 'denies' : rule.fields === undefined ? 'approves' : 'fills in'} ${gate.id}`,
      );
    }
    await sleep(everyMs);
  }
}

/** An approval is clicked in Slack; a denial, which gives a reason, and a form go over HTTP. */
async function answer(
  { slack, api, channel }: House,
  incident: string,
  gate: string,
  digest: string,
  { by, verdict, fields }: Rehearsal['answers'][number],
): Promise<void> {
  if (verdict === 'deny' || fields !== undefined) {
    const more = verdict === 'deny' ? { reason: 'Rehearsed.' } : { answers: fields };
    return api.decide(by, incident, { gate, digest, verdict, ...more });
  }
  const isIt = (message: { blocks?: object[] }) => {
    const blocks = JSON.stringify(message.blocks ?? []);
    return blocks.includes(approve) && blocks.includes(digest);
  };
  const { ts } = await slack.waitForMessage(channel, isIt, 60_000);
  const { delivery } = await slack.click({ user: by, channel, ts, actionId: approve });
  if (delivery.failure !== undefined) throw new Error(`Slack's request failed: ${delivery.body}`);
}

/** Whether a question's id is what a pattern names. */
export function fits(pattern: string, id: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`).test(id);
}

function openGates({ gates }: View): string {
  return gates.map(({ gate }) => gate.id).join(', ') || 'nobody';
}
