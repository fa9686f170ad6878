import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Opening } from '../../domain/decision.ts';
import { jsonCopy, type Json, type JsonObject } from '../../domain/json.ts';
import { object, text } from '../../audit/history.ts';
import { verifyBundle } from '../../audit/verify.ts';
import {
  copyOf,
  makeAutomaticSpecimen,
  readJson,
  resign,
  writeJson,
  type Specimen,
} from '../support/bundles.ts';
import { Engine } from '../support/engine.ts';
import { Switchboard } from '../support/switchboard.ts';

/** Nobody approves in automatic mode: what is left is that it reaches where the alert was seen, and nowhere else. */
let engine: Engine;
let world: Switchboard;
let contained: Specimen;
let refused: Specimen;
beforeAll(async () => {
  engine = await Engine.start();
  world = new Switchboard();
  await engine.work([world.action()]);
  contained = await makeAutomaticSpecimen(engine, 'shop');
  refused = await makeAutomaticSpecimen(engine, 'market');
}, 120_000);
afterAll(() => engine?.stop());

async function found({ dir: genuine, key, run }: Specimen, tamper?: (events: JsonObject[]) => Promise<void>) {
  const dir = await copyOf(genuine);
  const file = `history-${run}.json`;
  const history = await readJson<{ events: JsonObject[] }>(dir, file);
  if (tamper !== undefined) {
    await tamper(history.events);
    await writeJson(dir, file, history);
    await resign(dir, engine.state.ledgerSigner);
  }
  const { findings } = await verifyBundle(dir, key);
  return findings.map(({ code, at, detail }) => ({ code, at, detail }));
}

/** The value in the first payload, changed in its place. */
function edit(payloads: Json | undefined, change: (value: JsonObject) => JsonObject): void {
  const payload = object((object(payloads)['payloads'] as Json[])[0]);
  const value = JSON.parse(Buffer.from(text(payload['data']), 'base64').toString()) as JsonObject;
  payload['data'] = Buffer.from(JSON.stringify(change(value))).toString('base64');
}

/** Signs an opening about another place, as somebody who has the gateway's key may, and puts it wherever the genuine one is. */
async function reopen(events: JsonObject[], about: Opening['about']): Promise<void> {
  const { about: _, ...opening } = contained.incident.input.opening.payload;
  const forged = await engine.state.gatewaySigner.sign({
    ...opening,
    ...(about === undefined ? {} : { about }),
  });
  const signed = jsonCopy(forged);
  for (const event of events) {
    const started = object(event['workflowExecutionStartedEventAttributes'])['input'];
    if (started !== undefined) edit(started, (input) => ({ ...input, opening: signed }));
    const scheduled = object(event['activityTaskScheduledEventAttributes'])['input'];
    if (scheduled === undefined) continue;
    edit(scheduled, (request) =>
      request['warrant'] === undefined
        ? request
        : { ...request, warrant: { ...object(request['warrant']), opening: signed } },
    );
  }
}

const reach = expect.objectContaining({
  code: 'FB5616',
  detail: expect.stringContaining('test.switch.apply'),
});

test('a containment of the namespace that the alert named passes', async () => {
  expect(await found(contained)).toEqual([]);
});

test('one that the worker refused because it was elsewhere changed nothing, and passes', async () => {
  expect(world.on.has('market')).toBe(false);
  const entries = JSON.stringify(await engine.state.ledger.read(refused.incident.incident));
  expect(entries).toContain('not where the alert was seen');
  expect(await found(refused)).toEqual([]);
});

test.each([
  ['another namespace', { cluster: 'c1', namespace: 'market' }],
  ['the namesake in another cluster', { cluster: 'c2', namespace: 'shop' }],
  ['no place: a person opened it', undefined],
])('one of an incident that was opened about %s is found', async (_, about) => {
  expect(await found(contained, (events) => reopen(events, about))).toEqual(expect.arrayContaining([reach]));
});

test('the same opening signed again, about the place itself, is not: the rule is about the place', async () => {
  const findings = await found(contained, (events) => reopen(events, { cluster: 'c1', namespace: 'shop' }));
  expect(findings).not.toEqual(expect.arrayContaining([reach]));
});

test('a refusal that was made a success is found', async () => {
  const findings = await found(refused, async (events) => {
    const failed = events.find((event) => event['eventType'] === 'EVENT_TYPE_ACTIVITY_TASK_FAILED');
    const info = object(
      object(object(failed?.['activityTaskFailedEventAttributes'])['failure'])['applicationFailureInfo'],
    );
    expect(info['type']).toBe('Unauthorised');
    info['type'] = 'Drift';
  });
  expect(findings).toEqual(expect.arrayContaining([reach]));
});
