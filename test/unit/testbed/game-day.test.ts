import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { leaksOf, pushedOf } from '../../../testbed/game-day/leaks.ts';
import { payloadsIn, type Recorded } from '../../../testbed/game-day/histories.ts';
import { searchLeftovers } from '../../../testbed/game-day/leftovers.ts';
import { fits } from '../../../testbed/game-day/play.ts';
import { standIn } from '../../../testbed/game-day/stand-ins.ts';
import { readRehearsal, rehearsed } from '../../../testbed/game-day/rehearsal.ts';
import { report } from '../../../testbed/game-day/report.ts';
import type { Loot } from '../../../testbed/game-day/stolen.ts';
import { provenAt, timesOf, type Entry } from '../../../testbed/game-day/times.ts';

const playbooks = fileURLToPath(new URL('../../../playbooks', import.meta.url));

/** Every `id` in a playbook's source, however deep. */
function idsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(idsIn);
  if (typeof value !== 'object' || value === null) return [];
  const own = 'id' in value && typeof value.id === 'string' ? [value.id] : [];
  return [...own, ...Object.values(value).flatMap(idsIn)];
}

async function write(text: string): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'firebreak-rehearsal-')), 'rehearsal.yaml');
  await writeFile(file, text);
  return file;
}

test('every playbook has a rehearsal that can be read, of steps and inputs that it has, in namespaces of its own', async () => {
  const all = await rehearsed(playbooks);
  expect(all.map(({ id }) => id)).toEqual(
    expect.arrayContaining(
      Array.from({ length: 12 }, (_, index) => `FB-${String(index + 1).padStart(3, '0')}`),
    ),
  );
  // FB-001 and FB-010 are the children that others run.
  const shared = await Promise.all(
    all
      .filter(({ id }) => id === 'FB-001' || id === 'FB-010')
      .map(async ({ folder }): Promise<{ phases?: object }> => {
        const child: { phases?: object } = parse(
          await readFile(join(playbooks, folder, 'playbook.yaml'), 'utf8'),
        );
        return child;
      }),
  );
  const namespaces: string[] = [];
  for (const { file, folder } of all) {
    const rehearsal = await readRehearsal(file);
    const source = parse(await readFile(join(playbooks, folder, 'playbook.yaml'), 'utf8')) as {
      inputs: object;
      outputs?: object;
      phases?: object;
    };
    const phases = [source, ...shared].flatMap((one) => Object.keys(one.phases ?? {}));
    const ids = new Set([...idsIn(source), ...idsIn(shared), ...phases]);
    const named = [
      ...Object.keys(rehearsal.expect.steps),
      ...rehearsal.answers.map(({ gate }) => gate.replace('*', '')),
      ...rehearsal.stolen.map((stolen) => stolen['proven-by']),
      ...(rehearsal.expect.pushed === undefined ? [] : [rehearsal.expect.pushed['found-by']]),
    ];
    const unknown = named.flatMap((address) =>
      address.split('/').filter((part) => !ids.has(part.replace(/\[\d+\]$/, ''))),
    );
    expect([folder, unknown]).toEqual([folder, []]);
    const { open, expect: expected } = rehearsal;
    const given = 'run' in open ? open.run.inputs : 'report' in open ? open.report.inputs : {};
    expect(Object.keys(source.inputs)).toEqual(expect.arrayContaining(Object.keys(given)));
    const read = [...Object.keys(expected.outputs), ...(expected.pushed ? [expected.pushed.output] : [])];
    expect(Object.keys(source.outputs ?? {})).toEqual(expect.arrayContaining(read));
    namespaces.push(...rehearsal.namespaces.map(({ name }) => name));
  }
  expect(new Set(namespaces).size).toBe(namespaces.length);
});

test('a rehearsal is found by the id in its playbook, whatever its folder is called; what is no folder is passed over', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-rehearsal-'));
  await writeFile(join(dir, 'README.md'), 'x');
  for (const [folder, playbook] of [
    ['mine', 'id: web_shell'],
    ['FB-9-broken', 'id: ['],
    ['FB-8-other', 'id: FB-8'],
  ] as const) {
    await mkdir(join(dir, folder));
    await writeFile(join(dir, folder, 'playbook.yaml'), playbook);
    if (folder !== 'FB-8-other') await writeFile(join(dir, folder, 'rehearsal.yaml'), '');
  }
  expect((await rehearsed(dir)).map(({ id, folder }) => [id, folder])).toEqual([['web_shell', 'mine']]);
});

const good = `
about: x
namespaces: [{ name: a }]
open: { alert: { namespace: a } }
answers: []
expect: { status: closed, outcome: denied, steps: {}, within: 2m }
`;

test('a rehearsal is checked before anything is started, and what is wrong is named', async () => {
  expect((await readRehearsal(await write(good))).expect.within).toBe(120_000);
  for (const [from, to, named] of [
    ['within: 2m', 'within: soon', 'within'],
    ['within: 2m', 'within: 2m, oops: 1', 'oops'],
    ['name: a', 'name: A/b', 'namespaces'],
    ['answers: []', 'answers: [{ gate: q, by: mallory }]', 'answers'],
    ['open: { alert: { namespace: a } }', 'open: {}', 'open'],
  ] as const) {
    await expect(readRehearsal(await write(good.replace(from, to)))).rejects.toThrow(named);
  }
});

test('a pattern is held against the whole id of a question, and its other signs mean themselves', () => {
  expect(fits('rest*', 'rest[1]/quarantine')).toBe(true);
  expect(fits('rest[1]/*', 'rest[1]/quarantine')).toBe(true);
  expect(fits('quarantine', 'quarantine#2')).toBe(false);
  expect(fits('q.', 'qq')).toBe(false);
  expect(fits('*', 'anything')).toBe(true);
});

test('an input may stand for what only the day has, as it is, and for no other text', () => {
  const known = {
    loot: [{ id: 'AKIA1', pushed: [] }, { pushed: [] }, { id: 7, pushed: [] }],
    images: { good: 'r/a@sha256:1', 'in-window': 'r/a@sha256:2', unsigned: 'r/a@sha256:3' },
    changedAt: '2026-01-01T00:00:00.000Z',
  };
  expect(standIn(['stolen.id', 'stolen[2].id', 'stolen.identity', 3], known)).toEqual([
    'AKIA1',
    7,
    'stolen.identity',
    3,
  ]);
  expect(standIn(['image:in-window', 'image: good', 'changed.at'], known)).toEqual([
    'r/a@sha256:2',
    'image: good',
    '2026-01-01T00:00:00.000Z',
  ]);
  for (const value of ['stolen[1].id', 'stolen[3].id', 'image:lost'])
    expect(() => standIn(value, known)).toThrow(value);
  expect(() => standIn('changed.at', { loot: [] })).toThrow('changed.at');
  expect(() => standIn('image:good', { loot: [] })).toThrow('image:good');
});

test('every payload of a history is read, decoded, and nothing else is taken for one', async () => {
  const golden = new URL('../../replay/golden/foreach-0.1.0/history.json', import.meta.url);
  const { events } = JSON.parse(await readFile(golden, 'utf8')) as { events: unknown[] };
  const texts = payloadsIn(events);
  const encoded = JSON.stringify(events).match(/"encoding":"anNvbi9wbGFpbg=="/g) ?? [];
  // json/plain, each of them parsed: none is lost, none is cut.
  expect(texts.filter((text) => text !== '').map((text): unknown => JSON.parse(text))).toHaveLength(
    encoded.length,
  );
  expect(encoded.length).toBeGreaterThan(20);
  expect(
    payloadsIn({
      data: 'c2VjcmV0',
      metadata: {},
      failure: { details: [{ metadata: {}, data: 'aW5uZXI=' }] },
    }),
  ).toEqual(['secret', 'inner']);
  expect(payloadsIn({ data: 'c2VjcmV0' })).toEqual([]);
});

const entry = (kind: string, second: number, data: Entry['data'] = {}): Entry => ({
  kind,
  at: `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`,
  data,
});
const began = Date.parse('2026-01-01T00:00:00Z');

test('times are those of the ledger: the first question and word, the last containment and evidence', () => {
  const verified = (step: string, second: number, state = 'in-place') =>
    entry('step.verified', second, { step, state, verdict: 'evaluated' });
  const entries = [
    entry('incident.opened', 1),
    entry('gate.opened', 2),
    entry('decision.taken', 3),
    entry('hold.acquired', 4, { step: 'a' }),
    verified('a', 5),
    entry('hold.acquired', 6, { step: 'b' }),
    verified('b', 8),
    verified('b', 9, 'partial'),
    // A reading is verified as well, and contains nothing.
    verified('look', 10),
    entry('step.applied', 11, { step: 'look', artefacts: [] }),
    entry('step.applied', 12, { step: 'evidence', artefacts: [{}] }),
    entry('gate.opened', 13),
  ];
  const times = timesOf(entries, began);
  expect(times).toEqual({
    opened: 1_000,
    asked: 2_000,
    answered: 3_000,
    contained: 8_000,
    evidence: 12_000,
  });
  const played = {
    playbook: 'FB-1',
    incident: 'i',
    wrong: ['x'],
    times,
    leaks: [{ what: 'a key', refusedMs: 1_500, provenMs: 2_500, verdict: 'verified' }, { what: 'a token' }],
    pushed: { digests: 2, listedMs: 4_000 },
  };
  const searched = { secrets: 7, found: [{ place: 'log', secret: 'a key' }], blind: ['ledger'] };
  const table = report([played], searched);
  expect(table).toMatch(/FB-1 +2\.00 +3\.00 +8\.00 +12\.00 +– +NO/);
  expect(table).toContain(
    'a key: refused 1.50 s after its first use by a thief, verified by Firebreak after 2.50 s',
  );
  expect(table).toContain('a token: refused – s');
  expect(table).toContain('all listed 4.00 s after');
  expect(table).toContain('FOUND a key in log');
  expect(table).toContain('SAW NOTHING in ledger');
});

const seen = (step: string, second: number, state: string, verdict: string): Entry =>
  entry('step.verified', second, { step, state, verdict });

test('what is proven is what its step first saw in place, and nothing of another step', () => {
  const entries = [
    seen('a', 1, 'partial', 'unverifiable'),
    seen('b', 2, 'absent', 'failed'),
    seen('a', 3, 'in-place', 'verified'),
    seen('a', 4, 'in-place', 'evaluated'),
  ];
  expect(provenAt(entries, 'a')).toEqual({ at: began + 3_000, verdict: 'verified' });
  expect(provenAt(entries, 'b')).toBeUndefined();
});

const view = (digests?: string[]) => ({
  status: 'closed',
  steps: [],
  gates: [],
  ...(digests === undefined ? {} : { outputs: { digests } }),
});

describe('stolen credentials', () => {
  const loot: Loot = {
    what: 'a key',
    value: 'x',
    provenBy: 'revoke',
    leakedAt: began,
    refusedSince: began + 2_000,
    pushed: ['sha256:2', 'sha256:1'],
    caught: () => Promise.resolve(),
  };
  const verified = entry('step.verified', 3, { step: 'revoke', state: 'in-place', verdict: 'verified' });
  const { refusedSince: _, ...working } = loot;

  test('are told with the time that their thief had them', () => {
    const wrong: string[] = [];
    expect(leaksOf([loot], [verified], wrong)).toEqual([
      { what: 'a key', refusedMs: 2_000, provenMs: 3_000, verdict: 'verified' },
    ]);
    expect(wrong).toEqual([]);
  });

  test('are not as expected while they work, or while nobody has verified that they do not', () => {
    const wrong: string[] = [];
    expect(leaksOf([working], [], wrong)).toEqual([{ what: 'a key' }]);
    expect(wrong).toEqual(['a key still works', expect.stringContaining('revoke was not verified')]);
  });

  test.each([
    [['sha256:1', 'sha256:2'], []],
    [['sha256:1'], [expect.stringContaining('sha256:1, sha256:2 was pushed')]],
    [['sha256:1', 'sha256:2', 'sha256:3'], [expect.stringContaining('sha256:1, sha256:2 was pushed')]],
    [undefined, [expect.stringContaining('not there')]],
  ])('and what was pushed with them must be listed, and nothing else: %j', (digests, expected) => {
    const wrong: string[] = [];
    const entries = [entry('step.applied', 4, { step: 'find' })];
    const how = { output: 'digests', 'found-by': 'find' };
    expect(pushedOf(how, [loot], view(digests), { entries, began }, wrong)).toEqual({
      digests: 2,
      listedMs: 4_000,
    });
    expect(wrong).toEqual(expected);
  });
});

describe('the search for secrets', () => {
  let dir: string;
  const incident = 'inc-0123456789abcdef-abcdef';
  const secret = 'a-stolen-credential-of-32-chars!';
  const url = 'http://127.0.0.1:20000';
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'firebreak-leftovers-'));
    await mkdir(join(dir, 'state', 'ledger'), { recursive: true });
    await mkdir(join(dir, 'state', 'evidence', 'index'), { recursive: true });
    await mkdir(join(dir, 'vault', 'leaked'), { recursive: true });
    await writeFile(join(dir, 'temporal.db-wal'), `history of ${incident}`);
    await writeFile(join(dir, 'state', 'ledger', '1.json'), incident);
    await writeFile(join(dir, 'state', 'evidence', 'index', `${incident}.jsonl`), '');
    await writeFile(join(dir, 'state', 'access.jsonl'), incident);
    await writeFile(join(dir, 'firebreak.log'), url);
    await writeFile(join(dir, 'vault', 'leaked', '1'), secret);
  });
  afterEach(async () => rm(dir, { recursive: true }));

  const histories = { results: '{"outputs":{}}', others: incident, heartbeats: '' };
  const search = (said: object = { text: incident }, recorded: Recorded = histories) =>
    searchLeftovers({
      recorded,
      dir,
      url,
      vault: join(dir, 'vault'),
      slack: { messages: () => Promise.resolve([said]), ephemeral: () => [], calls: () => [] },
      channel: 'C1',
      secrets: { 'the leak': secret },
      incidents: [incident],
    });

  test('finds nothing where nothing is, and does not count the store of secrets', async () => {
    expect(await search()).toEqual({ secrets: 1, found: [], blind: [] });
  });

  test.each([
    ['database', 'temporal.db', Buffer.from(JSON.stringify({ x: secret })).toString('base64')],
    ['ledger', 'state/ledger/2.json', secret],
    ['evidence', 'state/evidence/index/x', Buffer.from(secret).toString('hex')],
    ['log', 'firebreak.log', `${url} ${secret}`],
    ['everything else', 'routes.yaml', secret],
  ])('finds it in %s', async (place, file, text) => {
    await writeFile(join(dir, file), text);
    expect(await search()).toEqual({ secrets: 1, found: [{ place, secret: 'the leak' }], blind: [] });
  });

  test('finds it in a message', async () => {
    const { found } = await search({ text: `${incident}: ${secret}` });
    expect(found).toEqual([{ place: 'Slack messages', secret: 'the leak' }]);
  });

  test.each([
    ['activity results', 'results'],
    ['other payloads', 'others'],
    ['heartbeats', 'heartbeats'],
  ] as const)('finds it in %s, which it says when they are empty', async (place, field) => {
    const text = `${histories[field]} ${JSON.stringify({ data: Buffer.from(secret).toString('base64') })}`;
    const { found } = await search(undefined, { ...histories, [field]: text });
    expect(found).toEqual([{ place, secret: 'the leak' }]);
    const { blind } = await search(undefined, { ...histories, [field]: '' });
    expect(blind).toEqual(field === 'heartbeats' ? [] : [place]);
  });

  test('says where it could have found nothing', async () => {
    await rm(join(dir, 'state', 'ledger', '1.json'));
    expect((await search()).blind).toEqual(['ledger']);
  });
});
