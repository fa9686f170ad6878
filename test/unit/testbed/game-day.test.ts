import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { fits } from '../../../testbed/game-day/play.ts';
import { readRehearsal, rehearsed } from '../../../testbed/game-day/rehearsal.ts';
import { report } from '../../../testbed/game-day/report.ts';
import { timesOf, type Entry } from '../../../testbed/game-day/times.ts';

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
    expect.arrayContaining(['FB-001', 'FB-002', 'FB-003', 'FB-004', 'FB-005']),
  );
  const shared = parse(
    await readFile(join(playbooks, all[0]?.folder ?? '', 'playbook.yaml'), 'utf8'),
  ) as unknown;
  const namespaces: string[] = [];
  for (const { file, folder } of all) {
    const rehearsal = await readRehearsal(file);
    const source = parse(await readFile(join(playbooks, folder, 'playbook.yaml'), 'utf8')) as {
      inputs: object;
    };
    // FB-001 is the child that others run.
    const ids = new Set([...idsIn(source), ...idsIn(shared)]);
    const named = [
      ...Object.keys(rehearsal.expect.steps),
      ...rehearsal.answers.map(({ gate }) => gate.replace('*', '')),
    ];
    const unknown = named.flatMap((address) =>
      address.split('/').filter((part) => !ids.has(part.replace(/\[\d+\]$/, ''))),
    );
    expect([folder, unknown]).toEqual([folder, []]);
    const { open } = rehearsal;
    if ('run' in open)
      expect(Object.keys(source.inputs)).toEqual(expect.arrayContaining(Object.keys(open.run.inputs)));
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
  const table = report([{ playbook: 'FB-1', incident: 'i', wrong: ['x'], times }]);
  expect(table).toMatch(/FB-1 +2\.00 +3\.00 +8\.00 +12\.00 +– +NO/);
});
