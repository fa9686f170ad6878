import { appendFile, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { checkAccessChain } from '../../../domain/access-log.ts';
import type { AccessRecord } from '../../../domain/access-log.ts';
import { openAccessLog } from '../../../stores/access-log.ts';
import { killWriter, temporaryDirectory } from '../../support/store-processes.ts';

const limits = { maxRefusalsPerMinute: 3 };
const accepted = (n: number): AccessRecord => ({
  outcome: 'accepted',
  kind: 'alert',
  actor: 'token-1',
  detail: { n },
});
const refused = (kind: string, code = 'FB1203'): AccessRecord => ({
  outcome: 'refused',
  kind,
  code,
  actor: 'unknown',
  detail: {},
});

test('lines that arrive together are all written, numbered and chained', async () => {
  const dir = await temporaryDirectory();
  const log = await openAccessLog(dir, limits);
  await Promise.all(Array.from({ length: 50 }, (_, n) => log.append({ ...accepted(n), incident: 'inc-1' })));
  const entries = await log.read();
  expect(entries.map(({ detail }) => detail['n'])).toEqual(Array.from({ length: 50 }, (_, n) => n));
  expect(checkAccessChain(entries)).toEqual([]);
  await log.close();
  const next = await openAccessLog(dir, limits);
  await next.append(accepted(50));
  expect(checkAccessChain(await next.read())).toEqual([]);
  expect(await next.read()).toHaveLength(51);
  await next.close();
});

test('the chain check names what was altered, removed or swapped', async () => {
  const log = await openAccessLog(await temporaryDirectory(), limits);
  for (let n = 0; n < 4; n++) await log.append(accepted(n));
  const [a, b, c, d] = (await log.read()) as [never, never, never, never];
  await log.close();
  expect(checkAccessChain([a, { ...(b as object), actor: 'x' } as never, c, d])).toEqual([
    { seq: 2, problem: 'wrong-hash' },
  ]);
  expect(checkAccessChain([a, c, d])).toContainEqual({ seq: 3, problem: 'broken-chain' });
  expect(checkAccessChain([a, c, b, d]).map(({ problem }) => problem)).toContain('wrong-seq');
  expect(checkAccessChain([b, c, d])).toContainEqual({ seq: 2, problem: 'broken-chain' });
});

test('one process writes, others read; the lock ends with close', async () => {
  const dir = await temporaryDirectory();
  const first = await openAccessLog(dir, limits);
  await first.append(accepted(1));
  const second = await openAccessLog(dir, limits);
  expect(await second.read()).toHaveLength(1);
  await expect(second.append(accepted(2))).rejects.toThrow('FB6208');
  await first.close();
  await second.append(accepted(3));
  expect((await second.read()).map(({ detail }) => detail['n'])).toEqual([1, 3]);
  await second.close();
});

test('refusals over the cap become one counted line of their kind; other kinds and accepted calls pass', async () => {
  let at = Date.parse('2026-01-01T00:00:00Z');
  const log = await openAccessLog(await temporaryDirectory(), limits, () => new Date(at));
  for (let n = 0; n < 10; n++) await log.append(refused('alert', n % 2 === 0 ? 'FB1203' : 'FB1204'));
  await log.append(refused('slack'));
  await log.append(accepted(1));
  expect((await log.read()).map(({ kind }) => kind)).toEqual(['alert', 'alert', 'alert', 'slack', 'alert']);
  at += 60_000;
  await log.append(refused('alert'));
  const entries = await log.read();
  expect(entries.slice(5)).toMatchObject([
    { outcome: 'refused', actor: 'many', detail: { leftOut: 7, codes: { FB1203: 3, FB1204: 4 } } },
    { outcome: 'refused', actor: 'unknown' },
  ]);
  expect(checkAccessChain(entries)).toEqual([]);
  await log.close();
});

test('closing accounts for the refusals that were left out', async () => {
  const dir = await temporaryDirectory();
  const log = await openAccessLog(dir, limits);
  for (let n = 0; n < 5; n++) await log.append(refused('alert'));
  await log.close();
  expect((await log.read()).at(-1)).toMatchObject({ actor: 'many', detail: { leftOut: 2 } });
});

test('cut at any byte, or with a torn page, the log goes on with a line that says so, and keeps what was cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.constantFrom('', '\0\0\0\n', '\0\0{'), async (cut, junk) => {
      const dir = await temporaryDirectory();
      const log = await openAccessLog(dir, limits);
      for (let n = 0; n < 3; n++) await log.append(accepted(n));
      await log.close();
      const file = join(dir, 'access.jsonl');
      const whole = await readFile(file);
      const secondLine = whole.indexOf(0x0a, whole.indexOf(0x0a) + 1) + 1;
      const length = secondLine + (cut % (whole.length - secondLine));
      await truncate(file, length);
      await appendFile(file, junk);
      const torn = (await readFile(file)).subarray(secondLine);

      const next = await openAccessLog(dir, limits);
      await next.append(accepted(9));
      const entries = await next.read();
      await next.close();
      expect(checkAccessChain(entries)).toEqual([]);
      expect(entries.map(({ kind }) => kind)).toEqual(
        torn.length === 0 ? ['alert', 'alert', 'alert'] : ['alert', 'alert', 'log.recovered', 'alert'],
      );
      if (torn.length > 0) {
        expect(entries[2]?.detail['cutBytes']).toBe(torn.length);
        const kept = (await readdir(dir)).find((name) => name.startsWith('cut-')) ?? '';
        expect(torn.equals(await readFile(join(dir, kept)))).toBe(true);
      }
    }),
    { numRuns: 25 },
  );
});

test('a log that is no log at all is not overwritten', async () => {
  const dir = await temporaryDirectory();
  await writeFile(join(dir, 'access.jsonl'), 'something else\n');
  const log = await openAccessLog(dir, limits);
  await expect(log.append(accepted(1))).rejects.toThrow('FB6209');
  await expect(log.read()).rejects.toThrow('FB6209');
  expect(await readFile(join(dir, 'access.jsonl'), 'utf8')).toBe('something else\n');
});

test('an attacker cannot keep a refusal out of the log with text that has no canonical form', async () => {
  const log = await openAccessLog(await temporaryDirectory(), limits);
  await log.append({
    ...refused('slack'),
    actor: 'x\ud800',
    detail: { 'k\udfff': ['\ud800', Number.NaN, 'y'.repeat(5_000)] },
  });
  const entries = await log.read();
  expect(entries[0]?.actor).toBe('x\ufffd');
  expect(entries[0]?.detail['k\ufffd']).toEqual(['\ufffd', 'NaN', 'y'.repeat(1_000)]);
  expect(checkAccessChain(entries)).toEqual([]);
  await log.close();
});

test('a writer that is killed loses nothing that it acknowledged, and leaves no lock', async () => {
  const dir = await temporaryDirectory();
  const said = await killWriter(['access', dir], (line) => line === 'acknowledged 100');
  const log = await openAccessLog(dir, limits);
  await log.append(accepted(0));
  const entries = await log.read();
  await log.close();
  const numbers = entries.filter(({ actor }) => actor === 'a').map(({ detail }) => detail['n']);
  expect(numbers.slice(0, said.length)).toEqual(said.map((_line, index) => index + 1));
  expect(checkAccessChain(entries)).toEqual([]);
});
