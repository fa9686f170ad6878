import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { canonical, type Json, type JsonObject } from '../../domain/json.ts';
import type { Signed } from '../../domain/signature.ts';
import { openSigner, type FileSigner } from '../../stores/keys.ts';
import { object, text } from '../../audit/history.ts';
import { renderReplay, replayBundle } from '../../audit/replay.ts';
import { renderReport } from '../../audit/report.ts';
import { renderTimeline, timelineOf } from '../../audit/timeline.ts';
import { checkParts, verifyBundle } from '../../audit/verify.ts';
import {
  copyOf,
  makeSpecimen,
  readJson,
  readLedger,
  readText,
  rechain,
  resign,
  resignManifest,
  writeJson,
  writeLedger,
  writeText,
  type Specimen,
} from '../support/bundles.ts';

let specimen: Specimen;
/** The engine's own key: whoever has it can sign a forgery, and then only the replay and the cross-checks stand. */
let own: FileSigner;
let stranger: FileSigner;
let history: string;
beforeAll(async () => {
  specimen = await makeSpecimen();
  own = specimen.engine.state.ledgerSigner;
  stranger = await openSigner(await mkdtemp(join(tmpdir(), 'firebreak-stranger-')), 'ledger');
  history = `history-${specimen.run}.json`;
}, 120_000);
afterAll(async () => {
  await specimen.engine.stop();
});

type Events = { events: JsonObject[] };

/** Where a tampering was seen: `FB5302 ledger.jsonl entry 5`. */
async function found(tamper: (dir: string) => Promise<void>): Promise<string[]> {
  const dir = await copyOf(specimen.dir);
  await tamper(dir);
  const report = await verifyBundle(dir, specimen.key);
  expect(report.ok).toBe(report.findings.length === 0);
  expect(renderReport(report)).toContain(report.ok ? 'Verified' : 'NOT verified');
  return report.findings.map(({ code, file, at }) => `${code} ${file} ${at}`.trim());
}

/** Changes the parsed history, in canonical form. */
async function editHistory(dir: string, edit: (events: JsonObject[]) => JsonObject[] | void): Promise<void> {
  const value = await readJson<Events>(dir, history);
  const events = edit(value.events) ?? value.events;
  await writeJson(dir, history, { ...value, events });
}

/** Flips the lowest bit of the middle byte. */
async function flip(dir: string, name: string): Promise<void> {
  const bytes = Buffer.from(await readText(dir, name), 'utf8');
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  await writeText(dir, name, bytes.toString('utf8'));
}

function inputOf(event: JsonObject | undefined): Json | undefined {
  return object(event?.['workflowExecutionStartedEventAttributes'])['input'];
}

/** Payload `data` of an event, decoded, changed and encoded again. */
function editPayload(payloads: Json | undefined, edit: (value: JsonObject) => void): void {
  const payload = object(((payloads as JsonObject)['payloads'] as Json[])[0]);
  const value = JSON.parse(Buffer.from(text(payload['data']), 'base64').toString()) as JsonObject;
  edit(value);
  payload['data'] = Buffer.from(JSON.stringify(value)).toString('base64');
}

const ofType = (
  events: JsonObject[],
  type: string,
  attributes: string,
  with_: (attributes: JsonObject) => boolean = () => true,
) =>
  object(
    events.find((event) => event['eventType'] === type && with_(object(event[attributes])))?.[attributes],
  );

const completed = (events: JsonObject[], index: number) =>
  object(
    events.filter(({ eventType }) => eventType === 'EVENT_TYPE_ACTIVITY_TASK_COMPLETED')[index]?.[
      'activityTaskCompletedEventAttributes'
    ],
  );

/** Turns a verdict that an activity reported into another. */
const forgeVerdict = (events: JsonObject[]) => {
  for (let index = 0; ; index++) {
    const { result } = completed(events, index);
    if (result === undefined) throw new Error('no verification in the history');
    const payload = Buffer.from(
      text(object(((result as JsonObject)['payloads'] as Json[])[0])['data']),
      'base64',
    ).toString();
    if (!payload.includes('in-place')) continue;
    return editPayload(result, (value) => {
      value['claims'] = [{ claim: 'the switch is on', verdict: 'verified', detail: 'trust me' }];
    });
  }
};

/** Changes a person's decision, chains and signs everything again. */
const decided = async (dir: string, edit: (data: JsonObject) => void, person = 'ada') => {
  const entries = await readLedger(dir);
  const entry = entries.find(({ kind, data }) => kind === 'decision.taken' && data['person'] === person);
  if (entry === undefined) throw new Error('no decision');
  edit(entry.data);
  await writeLedger(dir, rechain(entries, entry.seq));
  await resign(dir, own);
};

describe('an untouched bundle', () => {
  test('passes, with every ledger entry recomputed, and says what it rests on', async () => {
    const report = await verifyBundle(specimen.dir, specimen.key);
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({
      ok: true,
      facts: {
        outcome: 'released',
        key: own.publicKey.id,
        artefacts: 4,
        accessLines: 3,
        accessLinesWithheld: 1,
      },
    });
    expect(report.facts.entries).toBeGreaterThan(30);
    expect(report.facts.recomputed).toBe(report.facts.entries);
    expect(renderReport(report)).toContain('Verified: inc-');
  });

  test('holds nothing of other incidents', async () => {
    const log = await readText(specimen.dir, 'access-log.jsonl');
    expect(log).toContain(specimen.incident.incident);
    expect(log).not.toContain('inc-other');
    expect(log).not.toContain('secretish');
  });

  test('is told step by step and as a timeline, by people’s names', async () => {
    const replay = await replayBundle(specimen.dir, specimen.key);
    expect(replay.report.ok).toBe(true);
    expect(replay.steps.map(({ seq }) => seq)).toEqual(replay.steps.map((_step, index) => index + 1));
    const told = renderReplay(replay);
    expect(told).toMatch(/Ada \(ada\): approves s1 through api/);
    expect(told).toMatch(/Ben \(ben\): approves release through api/);
    expect(told).toMatch(/verified s1: verified, in-place/);

    const timeline = await timelineOf(specimen.dir, specimen.key);
    expect(timeline).toMatchObject({ verified: true, outcome: 'released', requester: 'falco' });
    const measured = Object.fromEntries(timeline.measures.map(({ name, ms, why }) => [name, ms ?? why]));
    expect(measured['MTTA']).toBeGreaterThan(0);
    expect(measured['MTTC']).toBeGreaterThan(Number(measured['MTTA']));
    expect(measured['MTTD']).toContain('does not date');
    expect(timeline.notCovered).toContainEqual(
      expect.objectContaining({ step: 's1', code: 'other-switches', count: 0 }),
    );
    const markdown = renderTimeline(timeline);
    expect(markdown).toContain('**Ben (ben)** approves release');
    expect(markdown).toContain('- s1: **verified**');
  });
});

describe('one flipped bit is named in', () => {
  test.each([
    'manifest.json',
    'manifest.sig.json',
    'ledger.jsonl',
    'seal.json',
    'access-log.jsonl',
    'evidence.json',
    'playbook.json',
    'README.txt',
  ])('%s', async (name) => {
    const findings = await found((dir) => flip(dir, name));
    if (name === 'manifest.json') expect(findings).toContain('FB5207 manifest.json');
    else if (name === 'manifest.sig.json')
      expect(findings.join()).toMatch(/FB5(107|108|201|202|207) manifest/);
    else expect(findings).toContain(`FB5103 ${name}`);
  });

  test('the history and its seal', async () => {
    expect(await found((dir) => flip(dir, history))).toEqual(
      expect.arrayContaining([`FB5103 ${history}`, `FB5208 ${history}`]),
    );
    const seal = history.replace('.json', '.seal.json');
    expect((await found((dir) => flip(dir, seal))).join()).toMatch(/FB5103 history-[^ ]*\.seal\.json/);
  });

  test('an artefact', async () => {
    const [artefact] = await readdir(join(specimen.dir, 'evidence'));
    const name = `evidence/${artefact}`;
    expect(await found((dir) => flip(dir, name))).toEqual(
      expect.arrayContaining([`FB5103 ${name}`, `FB5702 ${name}`]),
    );
  });

  test('a ledger entry, by its number', async () => {
    const findings = await found(async (dir) => {
      const text = await readText(dir, 'ledger.jsonl');
      await writeText(dir, 'ledger.jsonl', text.replace('"person":"ada"', '"person":"adb"'));
    });
    expect(findings).toEqual(
      expect.arrayContaining([
        'FB5103 ledger.jsonl',
        'FB5302 ledger.jsonl entry 7',
        'FB5503 ledger.jsonl entry 7',
      ]),
    );
  });

  test('a space in the history, which means the same', async () => {
    const findings = await found(async (dir) =>
      writeText(dir, history, (await readText(dir, history)).replace('{', '{ ')),
    );
    expect(findings).toEqual(expect.arrayContaining([`FB5107 ${history}`, `FB5208 ${history}`]));
  });
});

describe('what is missing or too much', () => {
  test('the tail of the ledger', async () => {
    const findings = await found(async (dir) => writeLedger(dir, (await readLedger(dir)).slice(0, -1)));
    expect(findings).toEqual(expect.arrayContaining(['FB5306 ledger.jsonl']));
    expect(findings.join()).toMatch(/FB5307 ledger.jsonl entry \d+/);
    expect(findings.join()).toMatch(/FB5505 ledger.jsonl entry \d+/);
  });

  test('the tail of the ledger, the seal and manifest signed again with the engine’s own key', async () => {
    const findings = await found(async (dir) => {
      await writeLedger(dir, (await readLedger(dir)).slice(0, -1));
      await resign(dir, own);
    });
    expect(findings.join()).toMatch(/FB5408 history-.* event \d+/);
    expect(findings.join()).toMatch(/FB5505 ledger.jsonl entry \d+/);
  });

  test('the tail of the history', async () => {
    const findings = await found((dir) => editHistory(dir, (events) => events.slice(0, -1)));
    expect(findings).toEqual(expect.arrayContaining([`FB5208 ${history}`, `FB5410 ${history}`]));
    expect(findings.join()).toMatch(/FB5402 history-/);
  });

  test('the tail of the history, signed again with the engine’s own key: the terminal event is demanded', async () => {
    const findings = await found(async (dir) => {
      await editHistory(dir, (events) => events.slice(0, -1));
      await resign(dir, own);
    });
    expect(findings.filter((text) => !text.startsWith('FB55'))).toEqual([expect.stringMatching(/^FB5402 /)]);
  });

  test('an event within the history', async () => {
    const findings = await found(async (dir) => {
      await editHistory(dir, (events) => events.toSpliced(20, 1));
      await resign(dir, own);
    });
    expect(findings).toContain(`FB5401 ${history} event 21`);
  });

  test('files', async () => {
    expect(await found((dir) => rm(join(dir, 'seal.json')))).toContain('FB5101 seal.json');
    expect(await found((dir) => rm(join(dir, history)))).toEqual(
      expect.arrayContaining([
        `FB5101 ${history}`,
        'FB5101 history-<run>.json',
        'FB5504 ledger.jsonl entry 1',
      ]),
    );
    expect(await found((dir) => writeText(dir, 'notes.txt', 'x'))).toEqual(['FB5102 "notes.txt"']);
    const [artefact = ''] = await readdir(join(specimen.dir, 'evidence'));
    expect((await found((dir) => rm(join(dir, 'evidence', artefact)))).join()).toContain(
      `FB5101 evidence/${artefact}`,
    );
    expect((await found((dir) => rm(join(dir, 'manifest.json')))).join()).toContain('FB5101 manifest.json');
  });

  test('lines of the access log', async () => {
    const findings = await found(async (dir) => {
      const lines = (await readText(dir, 'access-log.jsonl')).split('\n');
      await writeText(dir, 'access-log.jsonl', lines.toSpliced(1, 1).join('\n'));
      await resignManifest(dir, own);
    });
    expect(findings).toEqual(['FB5803 access-log.jsonl line 2', 'FB5803 access-log.jsonl line 2']);
  });
});

describe('what was put in another’s place', () => {
  test('swapped ledger entries', async () => {
    const findings = await found(async (dir) => {
      const entries = await readLedger(dir);
      const [five, six] = entries.splice(4, 2);
      if (five !== undefined && six !== undefined) entries.splice(4, 0, six, five);
      await writeLedger(dir, entries);
    });
    expect(findings).toEqual(
      expect.arrayContaining([
        'FB5304 ledger.jsonl entry 5',
        'FB5303 ledger.jsonl entry 5',
        'FB5304 ledger.jsonl entry 6',
        'FB5303 ledger.jsonl entry 6',
      ]),
    );
  });

  test('a whole bundle signed by another key', async () => {
    const findings = await found((dir) => resign(dir, stranger));
    expect(findings).toEqual([
      'FB5201 manifest.sig.json',
      'FB5203 seal.json',
      `FB5205 ${history.replace('.json', '.seal.json')}`,
    ]);
  });

  test('another key under the name of the trusted one', async () => {
    const findings = await found(async (dir) => {
      await resign(dir, stranger);
      for (const name of ['manifest.sig.json', 'seal.json']) {
        const signed = await readJson<Signed<{ type: string }>>(dir, name);
        await writeJson(dir, name, { ...signed, keyId: own.publicKey.id });
      }
    });
    expect(findings).toEqual(expect.arrayContaining(['FB5202 manifest.sig.json', 'FB5204 seal.json']));
  });

  test('the signature of another manifest', async () => {
    const findings = await found(async (dir) => {
      await writeText(dir, 'README.txt', 'trust me');
      const signature = await readText(dir, 'manifest.sig.json');
      await resignManifest(dir, own);
      await writeText(dir, 'manifest.sig.json', signature);
    });
    expect(findings).toEqual(['FB5207 manifest.json']);
  });

  test('the playbook', async () => {
    const findings = await found(async (dir) => {
      await writeJson(dir, 'playbook.json', {
        ...(await readJson<JsonObject>(dir, 'playbook.json')),
        name: 'Another',
      });
      await resignManifest(dir, own);
    });
    expect(findings).toEqual(['FB5901 playbook.json']);
  });
});

describe('a history forged with the engine’s own key', () => {
  test('one altered result: the ids that follow no longer fit', async () => {
    const findings = await found(async (dir) => {
      await editHistory(dir, forgeVerdict);
      await resign(dir, own);
    });
    expect(findings.join()).toMatch(/FB5501 history-/);
    expect(findings.join()).toMatch(/FB5506 history-.* event \d+/);
    expect(findings.join()).toMatch(/FB5503 ledger.jsonl entry 15/);
  });

  test('altered, and stripped of the flag that makes a replay compare ids', async () => {
    const findings = await found(async (dir) => {
      await editHistory(dir, (events) => {
        forgeVerdict(events);
        const task = ofType(
          events,
          'EVENT_TYPE_WORKFLOW_TASK_COMPLETED',
          'workflowTaskCompletedEventAttributes',
        );
        object(task['sdkMetadata'])['coreUsedFlags'] = [2, 3];
      });
      await resign(dir, own);
    });
    expect(findings.join()).toMatch(/FB5403 history-.* event \d+/);
    expect(findings.join()).not.toMatch(/FB5501/);
    expect(findings.join()).toMatch(/FB5503 ledger.jsonl entry 15/);
  });

  test('stripped of the flag and nothing else', async () => {
    const findings = await found(async (dir) => {
      await editHistory(dir, (events) => {
        const task = ofType(
          events,
          'EVENT_TYPE_WORKFLOW_TASK_COMPLETED',
          'workflowTaskCompletedEventAttributes',
        );
        // The others say how the rest is recorded: without them it is another history.
        object(task['sdkMetadata'])['coreUsedFlags'] = [2, 3];
      });
      await resign(dir, own);
    });
    expect(new Set(findings.map((text) => text.split(' ')[0]))).toEqual(new Set(['FB5403']));
  });

  test('an activity id that names another entry', async () => {
    const findings = await found(async (dir) => {
      await editHistory(dir, (events) => {
        const activity = ofType(
          events,
          'EVENT_TYPE_ACTIVITY_TASK_SCHEDULED',
          'activityTaskScheduledEventAttributes',
        );
        activity['activityId'] = `plan/3/sha256:${'0'.repeat(64)}`;
      });
      await resign(dir, own);
    });
    expect(findings.join()).toMatch(/FB5405 history-.* event \d+/);
    expect(findings.join()).toMatch(/FB5506 history-.* event \d+/);
  });

  test('a field that Temporal does not know', async () => {
    const findings = await found(async (dir) => {
      await editHistory(dir, (events) => {
        object(events[0]?.['workflowExecutionStartedEventAttributes'])['shadow'] = 'x';
      });
      await resign(dir, own);
    });
    expect(findings).toContain(`FB5108 ${history}`);
  });
});

describe('an incompatible workflow change', () => {
  test.each(['sleeps', 'retitles'])(
    '(%s) is told from the bundle’s being wrong elsewhere',
    async (name) => {
      const workflowsPath = fileURLToPath(new URL(`../support/broken/${name}.ts`, import.meta.url));
      const { findings } = await verifyBundle(specimen.dir, specimen.key, { workflowsPath });
      expect(findings.map(({ code }) => code)).toContain('FB5501');
      expect(findings.every(({ code }) => code.startsWith('FB55'))).toBe(true);
    },
    60_000,
  );
});

test('an opening that asked for more approvals than the change got', async () => {
  const findings = await found(async (dir) => {
    const events: JsonObject[] = [];
    await editHistory(dir, (all) => {
      events.push(...all);
    });
    let opening: JsonObject = {};
    editPayload(inputOf(events[0]), (input) => {
      opening = object(object(input['opening'])['payload']);
    });
    const approval = { from: ['responders'], count: 2, withinMs: 60_000, otherwise: 'escalate' };
    const signed = await specimen.engine.state.gatewaySigner.sign({
      ...opening,
      type: 'firebreak/opening/v1',
      approvals: { s1: approval },
    });
    await editHistory(dir, (all) => {
      editPayload(inputOf(all[0]), (input) => Object.assign(input, { opening: signed }));
    });
    await resign(dir, own);
  });
  expect(findings.join()).toMatch(/FB5612 history-/);
});

describe('a decision forged with the engine’s own ledger key', () => {
  test('a signature that does not fit', async () => {
    const findings = await found((dir) => decided(dir, (data) => (data['via'] = 'slack')));
    expect(findings).toContain('FB5601 ledger.jsonl entry 7');
    expect(findings.join()).toMatch(/FB5607 history-/);
  });

  test('a key of nobody', async () => {
    expect(await found((dir) => decided(dir, (data) => (data['keyId'] = stranger.publicKey.id)))).toContain(
      'FB5602 ledger.jsonl entry 7',
    );
  });

  test.each([
    ['the requester', 'falco', 'FB5604'],
    ['a stranger', 'mallory', 'FB5603'],
    ['somebody of another group', 'zoe', 'FB5603'],
  ])('by %s, even when the gateway signs it', async (_who, person, code) => {
    const findings = await found(async (dir) => {
      const entries = await readLedger(dir);
      const entry = entries.find(({ kind }) => kind === 'decision.taken');
      const { incident, gate, digest, verdict, via, at } = {
        incident: entry?.incident,
        ...entry?.data,
      } as JsonObject;
      const signed = await specimen.engine.state.gatewaySigner.sign({
        type: 'firebreak/decision/v1',
        incident,
        gate,
        digest,
        verdict,
        person,
        via,
        at,
      });
      await decided(dir, (data) => Object.assign(data, { person, signature: signed.signature }));
    });
    expect(findings).toContain(`${code} ledger.jsonl entry 7`);
    expect(findings.join()).toMatch(/FB5607 history-/);
  });

  test('about another gate', async () => {
    expect(
      await found((dir) => decided(dir, (data) => (data['digest'] = `sha256:${'1'.repeat(64)}`))),
    ).toContain('FB5605 ledger.jsonl entry 7');
  });
});

describe('a hostile bundle', () => {
  test('with links, pipes and directories is refused file by file', async () => {
    const findings = await found(async (dir) => {
      await rename(join(dir, 'playbook.json'), `${dir}.playbook`);
      await symlink(`${dir}.playbook`, join(dir, 'playbook.json'));
      await mkdir(join(dir, 'extra'));
    });
    expect(findings).toEqual(
      expect.arrayContaining(['FB5104 playbook.json', 'FB5104 extra', 'FB5101 playbook.json']),
    );
  });

  test('with a linked evidence directory', async () => {
    const findings = await found(async (dir) => {
      await rename(join(dir, 'evidence'), `${dir}.evidence`);
      await symlink(`${dir}.evidence`, join(dir, 'evidence'));
    });
    expect(findings).toContain('FB5104 evidence');
  });

  test.each([
    '../../etc/passwd',
    '/etc/passwd',
    'evidence/../../x',
    'evidence/..',
    'history-x.json',
    'a\u0000b',
    '',
  ])('whose manifest names %j', async (name) => {
    const findings = await found(async (dir) => {
      const manifest = await readJson<JsonObject>(dir, 'manifest.json');
      (manifest['files'] as Json[]).push({ name, digest: `sha256:${'0'.repeat(64)}`, size: 1 });
      await writeJson(dir, 'manifest.json', manifest);
    });
    expect(findings.join()).toContain('FB5105 manifest.json');
  });

  test('of deep, doubled or broken JSON', async () => {
    for (const text of [
      '['.repeat(200_000),
      '{"a":1,"a":2}\n',
      'null\n',
      '[]\n',
      '{"payload":null}\n',
      '\ud800',
      '',
    ]) {
      for (const name of ['seal.json', 'ledger.jsonl']) {
        const dir = await copyOf(specimen.dir);
        await writeText(dir, name, text);
        const { findings } = await checkParts(dir, specimen.key);
        expect(findings.list).toContainEqual(expect.objectContaining({ code: 'FB5103', file: name }));
      }
    }
  }, 120_000);

  test('whose history is no history', async () => {
    for (const value of [
      {},
      { events: [] },
      { events: [null, 1, {}] },
      { events: [{ eventId: '1', eventType: 'x' }] },
    ]) {
      const findings = await found(async (dir) => {
        await writeText(dir, history, `${canonical(value)}\n`);
        await resignManifest(dir, own);
      });
      expect(findings).toContain(`FB5208 ${history}`);
    }
  }, 60_000);

  test('is not even opened without a usable key or directory', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const secret = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    for (const key of ['', 'not a key', secret, '{"id":"x"}']) {
      await expect(verifyBundle(specimen.dir, key)).rejects.toMatchObject({ code: 'FB5002' });
    }
    await expect(verifyBundle(`${specimen.dir}.none`, specimen.key)).rejects.toMatchObject({
      code: 'FB5001',
    });
  });
});
