import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { jsonCopy, type Json, type JsonObject } from '../../domain/json.ts';
import type { Signed } from '../../domain/signature.ts';
import { object, text } from '../../audit/history.ts';
import { verifyBundle } from '../../audit/verify.ts';
import {
  copyOf,
  makeCancelledSpecimen,
  readJson,
  readLedger,
  rechain,
  resign,
  writeJson,
  writeLedger,
  type Specimen,
} from '../support/bundles.ts';

/** The forger has the ledger's key, and where a test says so the gateway's too: what is left are the rules. */
let specimen: Specimen;
let history: string;
beforeAll(async () => {
  specimen = await makeCancelledSpecimen();
  history = `history-${specimen.run}.json`;
}, 120_000);
afterAll(async () => {
  await specimen.engine.stop();
});

async function found(tamper: (dir: string) => Promise<void>): Promise<string[]> {
  const dir = await copyOf(specimen.dir);
  await tamper(dir);
  await resign(dir, specimen.engine.state.ledgerSigner);
  const { findings } = await verifyBundle(dir, specimen.key);
  return findings.map(({ code, detail }) => `${code} ${detail}`);
}

/** Decodes, changes and encodes again the payload of each event that `pick` finds one in. */
async function editPayloads(
  dir: string,
  pick: (event: JsonObject) => Json | undefined,
  edit: (value: JsonObject) => JsonObject,
): Promise<void> {
  const value = await readJson<{ events: JsonObject[] }>(dir, history);
  let count = 0;
  for (const event of value.events) {
    const [payload] = (object(pick(event))['payloads'] ?? []) as JsonObject[];
    if (payload === undefined) continue;
    count += 1;
    const before = JSON.parse(Buffer.from(text(payload['data']), 'base64').toString()) as JsonObject;
    payload['data'] = Buffer.from(JSON.stringify(edit(before))).toString('base64');
  }
  if (count === 0) throw new Error('nothing to forge');
  await writeJson(dir, history, value);
}

const inputOfActivity = (type: string) => (event: JsonObject) => {
  const scheduled = object(event['activityTaskScheduledEventAttributes']);
  return object(scheduled['activityType'])['name'] === type ? scheduled['input'] : undefined;
};

const inputOfStart = (event: JsonObject) => object(event['workflowExecutionStartedEventAttributes'])['input'];

const argumentOfUpdate =
  (about: (payload: JsonObject) => boolean) =>
  (event: JsonObject): Json | undefined => {
    const accepted = object(event['workflowExecutionUpdateAcceptedEventAttributes']);
    const args = object(object(accepted['acceptedRequest'])['input'])['args'];
    const [payload] = (object(args)['payloads'] ?? []) as JsonObject[];
    if (payload === undefined) return undefined;
    const signed = JSON.parse(Buffer.from(text(payload['data']), 'base64').toString()) as JsonObject;
    return about(object(signed['payload'])) ? args : undefined;
  };

type Word = JsonObject & { type: string };

/** Has a person's word forged in history and ledger alike, signed by the gateway. */
async function forgeWord(
  dir: string,
  about: (payload: JsonObject) => boolean,
  edit: (payload: JsonObject) => JsonObject,
): Promise<void> {
  const value = await readJson<{ events: JsonObject[] }>(dir, history);
  const [args] = value.events.flatMap((event) => argumentOfUpdate(about)(event) ?? []);
  const [payload] = (object(args)['payloads'] ?? []) as JsonObject[];
  const genuine = JSON.parse(Buffer.from(text(payload?.['data']), 'base64').toString()) as Signed<Word>;
  const forged = await specimen.engine.state.gatewaySigner.sign(edit(genuine.payload) as Word);
  await editPayloads(dir, argumentOfUpdate(about), () => jsonCopy(forged));
  const entries = await readLedger(dir);
  const entry = entries.find(({ data }) => data['signature'] === genuine.signature);
  if (entry === undefined) throw new Error('not in the ledger');
  const { type: _type, incident: _incident, nonce: _nonce, ...said } = forged.payload;
  const { reason = '' } = said;
  const isDecision = entry.kind === 'decision.taken';
  entry.data = {
    ...said,
    ...(isDecision ? { reason } : {}),
    keyId: forged.keyId,
    signature: forged.signature,
  };
  await writeLedger(dir, rechain(entries, entry.seq));
}

const isCancel = ({ command }: JsonObject) => command === 'cancel';
const isForm = ({ gate }: JsonObject) => gate === 'facts';
const without = (key: string) => (payload: JsonObject) =>
  Object.fromEntries(Object.entries(payload).filter(([name]) => name !== key));
const matching = (code: string, detail: RegExp) =>
  expect.arrayContaining([expect.stringMatching(new RegExp(`^${code} .*${detail.source}`))]);

test('untouched, it passes', async () => {
  expect(await found(() => Promise.resolve())).toEqual([]);
});

const warrantOf = (edit: (warrant: JsonObject) => JsonObject) => (request: JsonObject) => ({
  ...request,
  warrant: edit(object(request['warrant'])),
});

describe('an undo', () => {
  const undo = inputOfActivity('test.change.undo');
  test.each<[string, (request: JsonObject) => JsonObject, string, RegExp]>([
    ['without a warrant', without('warrant'), 'FB5608', /scheduled without a warrant/],
    ['that nobody approved', warrantOf(without('gate')), 'FB5608', /without a person's approval/],
    [
      'that calls itself automatic',
      warrantOf(({ gate: _gate, ...warrant }) => ({ ...warrant, automatic: true })),
      'FB5608',
      /without a person's approval/,
    ],
    [
      'under a gate that was never opened',
      warrantOf((warrant) => ({ ...warrant, gate: { ...object(warrant['gate']), id: 'change#2' } })),
      'FB5605',
      /a gate that the ledger did not open/,
    ],
    [
      'of something else than was approved',
      (request) => ({
        ...request,
        mandate: {
          ...object(request['mandate']),
          authority: { ...object(object(request['mandate'])['authority']), rule: 'all of it' },
        },
      }),
      'FB5611',
      /an authority that gate "change" does not name/,
    ],
  ])('%s', async (_name, edit, code, detail) => {
    expect(await found((dir) => editPayloads(dir, undo, edit))).toEqual(matching(code, detail));
  });

  test('under a gate that allowed the change, and no undo', async () => {
    const findings = await found(async (dir) => {
      const entries = await readLedger(dir);
      const opened = entries.find(
        ({ kind, data }) => kind === 'gate.opened' && object(data['gate'])['id'] === 'change',
      );
      if (opened === undefined) throw new Error('no gate');
      const gate = without('undo')(object(opened.data['gate']));
      opened.data['gate'] = gate;
      await writeLedger(dir, rechain(entries, opened.seq));
      await editPayloads(dir, undo, (request) => ({
        ...request,
        warrant: { ...object(request['warrant']), gate },
      }));
    });
    expect(findings).toEqual(matching('FB5611', /under a gate whose purpose is "change"/));
  });

  test('under a gate of which the one approval is a stranger’s', async () => {
    const findings = await found((dir) =>
      forgeWord(
        dir,
        ({ gate }) => gate === 'change',
        (decision) => ({ ...decision, person: 'mallory' }),
      ),
    );
    expect(findings).toEqual(matching('FB5603', /"mallory" may not decide/));
    expect(findings).toEqual(matching('FB5607', /test\.change\.undo.*without the votes/));
  });
});

test('a reversible change that an incident in automatic mode made without a person', async () => {
  const findings = await found(async (dir) => {
    let opening: JsonObject = {};
    await editPayloads(dir, inputOfStart, (input) => {
      opening = object(object(input['opening'])['payload']);
      return input;
    });
    const forged = { ...opening, type: 'firebreak/opening/v1', mode: 'automatic' };
    const signed = jsonCopy(await specimen.engine.state.gatewaySigner.sign(forged));
    await editPayloads(dir, inputOfStart, (input) => ({ ...input, mode: 'automatic', opening: signed }));
    await editPayloads(
      dir,
      inputOfActivity('test.change.apply'),
      warrantOf(({ gate: _gate, ...warrant }) => ({ ...warrant, opening: signed, automatic: true })),
    );
  });
  expect(findings).toEqual(matching('FB5608', /test\.change\.apply.*without a person's approval/));
});

describe('a form', () => {
  test('whose answer was changed in the ledger', async () => {
    const findings = await found(async (dir) => {
      const entries = await readLedger(dir);
      const entry = entries.find(({ data }) => data['gate'] === 'facts' && data['answers'] !== undefined);
      if (entry === undefined) throw new Error('no answer');
      entry.data['answers'] = { hosts: 200 };
      await writeLedger(dir, rechain(entries, entry.seq));
    });
    expect(findings).toEqual(matching('FB5601', /signature of the decision of "ben"/));
  });

  test('whose answer was changed in the history', async () => {
    const findings = await found((dir) =>
      editPayloads(dir, argumentOfUpdate(isForm), (signed) => ({
        ...signed,
        payload: { ...object(signed['payload']), answers: { hosts: 200 } },
      })),
    );
    expect(findings).toEqual(matching('FB5601', /signature of the decide of "ben"/));
  });

  test.each<[string, (decision: JsonObject) => JsonObject, string, RegExp]>([
    ['answered by a stranger', (decision) => ({ ...decision, person: 'mallory' }), 'FB5603', /"mallory"/],
    [
      'answered by somebody of another group',
      (decision) => ({ ...decision, person: 'zoe' }),
      'FB5603',
      /"zoe"/,
    ],
    ['not filled in', without('answers'), 'FB5615', /fill in the form/],
    ['filled in with another type', (d) => ({ ...d, answers: { hosts: 'all' } }), 'FB5615', /answers\.hosts/],
    ['filled in beyond its limits', (d) => ({ ...d, answers: { hosts: 0 } }), 'FB5615', /answers\.hosts/],
    [
      'filled in with more than was asked',
      (d) => ({ ...d, answers: { hosts: 2, more: 1 } }),
      'FB5615',
      /answers\.more/,
    ],
    [
      'denied without a reason',
      ({ answers: _answers, ...d }) => ({ ...d, verdict: 'deny' }),
      'FB5615',
      /needs a reason/,
    ],
    [
      'of another question',
      (d) => ({ ...d, digest: `sha256:${'0'.repeat(64)}` }),
      'FB5605',
      /something else than gate "facts"/,
    ],
    [
      'answered the year before',
      (d) => ({ ...d, at: '2020-01-01T00:00:00.000Z' }),
      'FB5615',
      /dated another time/,
    ],
  ])('%s, even when the gateway signs it', async (_name, edit, code, detail) => {
    expect(await found((dir) => forgeWord(dir, isForm, edit))).toEqual(matching(code, detail));
  });

  test('that is answered where nothing was asked', async () => {
    const findings = await found((dir) =>
      forgeWord(
        dir,
        ({ gate }) => gate === 'change',
        (d) => ({ ...d, answers: { hosts: 2 } }),
      ),
    );
    expect(findings).toEqual(matching('FB5615', /no answer to a form/));
  });
});

describe('a cancel', () => {
  test('that the gateway did not sign', async () => {
    const findings = await found((dir) =>
      editPayloads(dir, argumentOfUpdate(isCancel), (signed) => ({
        ...signed,
        payload: { ...object(signed['payload']), then: 'stop' },
      })),
    );
    expect(findings).toEqual(matching('FB5601', /signature of the command of "ada"/));
  });

  test('of which the ledger tells something else', async () => {
    const findings = await found(async (dir) => {
      const entries = await readLedger(dir);
      const entry = entries.find(({ kind }) => kind === 'command.taken');
      if (entry === undefined) throw new Error('no command');
      entry.data['person'] = 'ben';
      await writeLedger(dir, rechain(entries, entry.seq));
    });
    expect(findings).toEqual(matching('FB5406', /something else than the "cancel" of "ada"/));
  });

  test.each<[string, (command: JsonObject) => JsonObject, string, RegExp]>([
    [
      'by a stranger',
      (command) => ({ ...command, person: 'mallory' }),
      'FB5613',
      /"mallory" should have been refused/,
    ],
    [
      'by somebody of no group',
      (command) => ({ ...command, person: 'zoe' }),
      'FB5613',
      /"zoe" should have been refused/,
    ],
    ['with an empty reason', (command) => ({ ...command, reason: ' ' }), 'FB5614', /set `reason`/],
    ['without a reason', without('reason'), 'FB5614', /gives no reason/],
    ['that does not say what becomes of it', without('then'), 'FB5614', /set `then`/],
    [
      'of another incident',
      (command) => ({ ...command, incident: 'inc-0000000000000000-aaaaaa' }),
      'FB5614',
      /another incident/,
    ],
    [
      'of the year before',
      (command) => ({ ...command, at: '2020-01-01T00:00:00.000Z' }),
      'FB5614',
      /too far from now/,
    ],
    ['that is no command', (command) => ({ ...command, command: 'explode' }), 'FB5614', /unknown command/],
  ])('%s, even when the gateway signs it', async (_name, edit, code, detail) => {
    expect(await found((dir) => forgeWord(dir, isCancel, edit))).toEqual(matching(code, detail));
  });
});
