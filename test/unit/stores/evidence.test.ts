import { createHash, randomBytes } from 'node:crypto';
import { appendFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { EvidenceStoreFull } from '../../../domain/evidence.ts';
import type { EvidenceRecord, EvidenceRef } from '../../../domain/evidence.ts';
import { canonical } from '../../../domain/json.ts';
import { openEvidence } from '../../../stores/evidence.ts';
import { killWriter, runWriter, temporaryDirectory } from '../../support/store-processes.ts';

const limits = { maxTotalBytes: 10_000_000, maxArtefactBytes: 1_000_000 };

function record(ref: EvidenceRef, name: string, at = '2026-01-01T00:00:00Z'): EvidenceRecord {
  return {
    ref,
    name,
    incident: 'inc-1',
    collector: 'kubernetes.collect-evidence',
    source: '/api/v1/pods',
    at,
  };
}

function fileOf(dir: string, digest: string): string {
  const hex = digest.slice('sha256:'.length);
  return join(dir, 'sha256', hex.slice(0, 2), hex);
}

test('any bytes, in any chunks, come back under their SHA-256', async () => {
  const dir = await temporaryDirectory();
  const store = await openEvidence(dir, limits);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }), async (parts) => {
      const whole = Buffer.concat(parts);
      const ref = await store.put(
        Readable.from(parts.map((part) => Buffer.from(part))),
        'application/octet-stream',
      );
      const hex = createHash('sha256').update(whole).digest('hex');
      expect(ref).toEqual({
        digest: `sha256:${hex}`,
        size: whole.length,
        mediaType: 'application/octet-stream',
      });
      expect(whole.equals(await store.get(ref))).toBe(true);
    }),
    { numRuns: 40 },
  );
  expect(await readdir(join(dir, 'sha256', '.drafts'))).toEqual([]);
});

test('files are for their owner alone, and the same bytes are one file', async () => {
  const dir = await temporaryDirectory();
  const store = await openEvidence(dir, limits);
  const ref = await store.put('logs', 'text/plain');
  await store.put(Buffer.from('logs'), 'text/plain');
  const { mode } = await stat(fileOf(dir, ref.digest));
  expect(mode & 0o777).toBe(0o600);
  expect((await stat(join(dir, 'sha256'))).mode & 0o777).toBe(0o700);
  expect(await store.has(ref.digest)).toBe(true);
  expect(await store.has(`sha256:${'0'.repeat(64)}`)).toBe(false);
});

test('a flipped byte is found on get, and on putting the same bytes again', async () => {
  const dir = await temporaryDirectory();
  const store = await openEvidence(dir, limits);
  const ref = await store.put(randomBytes(1_000), 'application/octet-stream');
  const bytes = Buffer.from(await store.get(ref));
  const altered = Buffer.from(bytes);
  altered.writeUInt8((altered.readUInt8(500) ^ 1) & 0xff, 500);
  await writeFile(fileOf(dir, ref.digest), altered);
  await expect(store.get(ref)).rejects.toThrow(/FB6207: the bytes of sha256:.* were altered/);
  await expect(store.put(bytes, 'application/octet-stream')).rejects.toThrow('FB6207');
  expect(altered.equals(await readFile(fileOf(dir, ref.digest)))).toBe(true);
});

test.each(['sha256:../../../etc/passwd', `sha256:${'A'.repeat(64)}`, 'sha256:', `md5:${'0'.repeat(64)}`])(
  '%s is no digest',
  async (digest) => {
    const store = await openEvidence(await temporaryDirectory(), limits);
    await expect(store.get({ digest: digest as EvidenceRef['digest'] })).rejects.toThrow('FB6207');
  },
);

test('caps: of an artefact, of a call, of the store; what was refused leaves nothing and takes no room', async () => {
  const dir = await temporaryDirectory();
  const small = { maxTotalBytes: 1_000, maxArtefactBytes: 600 };
  const store = await openEvidence(dir, small);
  await expect(store.put(Buffer.alloc(601), 'x/y')).rejects.toThrow(EvidenceStoreFull);
  await expect(store.put(Buffer.alloc(11), 'x/y', { maxBytes: 10 })).rejects.toThrow(EvidenceStoreFull);
  const tooLong = Readable.from([Buffer.alloc(400), Buffer.alloc(300)]);
  await expect(store.put(tooLong, 'x/y')).rejects.toThrow(EvidenceStoreFull);
  await store.put(Buffer.alloc(600, 1), 'x/y');
  // Until it is known to be there already, it counts.
  await expect(store.put(Buffer.alloc(600, 1), 'x/y')).rejects.toThrow(EvidenceStoreFull);
  await store.put(Buffer.alloc(400, 2), 'x/y').then((ref) => expect(ref.size).toBe(400));
  await expect(store.put(Buffer.alloc(1, 3), 'x/y')).rejects.toThrow(EvidenceStoreFull);
  // A snapshot that an undo needs is kept all the same.
  const essential = await store
    .put(Buffer.alloc(700, 4), 'x/y', { essential: true, maxBytes: 700 })
    .catch(String);
  expect(essential).toMatch(/larger than its limit/);
  const kept = await store.put(Buffer.alloc(2, 4), 'x/y', { essential: true });
  expect(await store.has(kept.digest)).toBe(true);
  expect(await readdir(join(dir, 'sha256', '.drafts'))).toEqual([]);
  const again = await openEvidence(dir, small);
  await expect(again.put(Buffer.alloc(1, 3), 'x/y')).rejects.toThrow(EvidenceStoreFull);
});

test('a source that fails midway leaves nothing', async () => {
  const dir = await temporaryDirectory();
  const store = await openEvidence(dir, limits);
  const broken = Readable.from(
    (function* () {
      yield Buffer.from('half');
      throw new Error('connection reset');
    })(),
  );
  await expect(store.put(broken, 'text/plain')).rejects.toThrow('connection reset');
  expect(await readdir(join(dir, 'sha256'))).toEqual(['.drafts']);
  expect(await readdir(join(dir, 'sha256', '.drafts'))).toEqual([]);
});

test('a line already in the index is not doubled, whenever it was collected again; the rest keep their order', async () => {
  const store = await openEvidence(await temporaryDirectory(), limits);
  const ref = await store.put('x', 'text/plain');
  await store.record([record(ref, 'b'), record(ref, 'a')]);
  await Promise.all([
    store.record([record(ref, 'b', '2026-01-02T00:00:00Z'), record(ref, 'c')]),
    store.record([record(ref, 'c'), record(ref, 'a')]),
  ]);
  expect((await store.index('inc-1')).map(({ name, at }) => `${name} ${at}`)).toEqual(
    ['b', 'a', 'c'].map((name) => `${name} 2026-01-01T00:00:00Z`),
  );
  expect(await store.index('inc-2')).toEqual([]);
  await expect(store.index('../inc-1')).rejects.toThrow('FB6201');
});

test('cut at any byte, the index keeps every earlier line and takes further ones', async () => {
  const dir = await temporaryDirectory();
  const store = await openEvidence(dir, limits);
  const ref = await store.put('x', 'text/plain');
  await store.record([record(ref, 'a'), record(ref, 'b')]);
  const file = join(dir, 'index', 'inc-1.jsonl');
  const whole = await readFile(file);
  const firstLine = whole.indexOf(0x0a) + 1;
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: firstLine, max: whole.length }), async (length) => {
      await writeFile(file, whole);
      await truncate(file, length);
      const before = length >= whole.length - 1 ? ['a', 'b'] : ['a'];
      expect((await store.index('inc-1')).map(({ name }) => name)).toEqual(before);
      await store.record([record(ref, 'c')]);
      expect((await store.index('inc-1')).map(({ name }) => name)).toEqual([...before, 'c']);
    }),
    { numRuns: 30 },
  );
});

test('a line that two writers wrote counts once, as it was written first', async () => {
  const dir = await temporaryDirectory();
  const store = await openEvidence(dir, limits);
  const ref = await store.put('x', 'text/plain');
  await store.record([record(ref, 'a')]);
  const later = canonical(record(ref, 'a', '2026-01-02T00:00:00Z'));
  await appendFile(join(dir, 'index', 'inc-1.jsonl'), `${later}\n`);
  expect(await store.index('inc-1')).toEqual([record(ref, 'a')]);
});

test('a line that was damaged, not torn, is named', async () => {
  const dir = await temporaryDirectory();
  const store = await openEvidence(dir, limits);
  const ref = await store.put('x', 'text/plain');
  await store.record([record(ref, 'a')]);
  await appendFile(join(dir, 'index', 'inc-1.jsonl'), 'junk\n{"v":2}\n');
  await expect(store.index('inc-1')).rejects.toThrow(
    'FB6206: the evidence index of incident inc-1 is damaged at line 2',
  );
});

test.each(['written', 'linked'])(
  'a writer killed at "%s" leaves nothing half, and its draft goes',
  async (step) => {
    const dir = await temporaryDirectory();
    await killWriter(['evidence', dir, step], (line) => line === `at ${step}`);
    expect(await readdir(join(dir, 'sha256', '.drafts'))).toHaveLength(1);
    const store = await openEvidence(dir, limits);
    expect(await readdir(join(dir, 'sha256', '.drafts'))).toEqual([]);
    const bytes = 'x'.repeat(100_000);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}` as const;
    expect(await store.has(digest)).toBe(step === 'linked');
    expect(await store.put(bytes, 'text/plain')).toMatchObject({ digest });
  },
);

test('the draft of a living writer is left alone', async () => {
  const dir = await temporaryDirectory();
  const store = await openEvidence(dir, limits);
  const slow = new Readable({ read: () => undefined });
  slow.push('first ');
  const put = store.put(slow, 'text/plain');
  await openEvidence(dir, limits);
  slow.push('second');
  slow.push(null);
  expect(Buffer.from(await store.get(await put)).toString()).toBe('first second');
});

test('an index writer that is killed loses nothing that it acknowledged; two at once lose nothing either', async () => {
  const dir = await temporaryDirectory();
  const lines = await killWriter(['index', dir], (line) => line === 'acknowledged 25');
  const acknowledged = lines.length;
  const store = await openEvidence(dir, limits);
  const names = (await store.index('inc-1')).map(({ name }) => name);
  expect(acknowledged).toBeGreaterThanOrEqual(25);
  expect(names.slice(0, acknowledged)).toEqual(lines.map((_line, index) => `a-${index + 1}`));

  const both = await Promise.all(
    ['b', 'c'].map((variant) =>
      killWriter(['index', dir, '-', variant], (line) => line === 'acknowledged 25'),
    ),
  );
  const after = new Set((await store.index('inc-1')).map(({ name }) => name));
  for (const [at, said] of both.entries()) {
    for (let n = 1; n <= said.length; n++) expect(after).toContain(`${['b', 'c'][at]}-${n}`);
  }
});

test('a put by a process that ends at once is there for the next', async () => {
  const dir = await temporaryDirectory();
  expect(await runWriter(['evidence', dir])).toMatchObject({ code: 0 });
  expect(
    Buffer.from(
      await (
        await openEvidence(dir, limits)
      ).get({ digest: `sha256:${createHash('sha256').update('x'.repeat(100_000)).digest('hex')}` }),
    ).length,
  ).toBe(100_000);
});
