import { mkdir, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { canonical } from '../../../domain/json.ts';
import type { LedgerEntry } from '../../../domain/ledger.ts';
import { LedgerConflict, entryHash } from '../../../domain/ledger.ts';
import { openLedger } from '../../../stores/ledger.ts';
import { chain } from '../../support/ledger-entries.ts';
import { killWriter, runWriter, temporaryDirectory } from '../../support/store-processes.ts';

test('entries come back in order, whatever the order and overlap of the appends', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(11), fc.nat(12)), { minLength: 1, maxLength: 8 }),
      async (ranges) => {
        const ledger = await openLedger(await temporaryDirectory());
        const entries = chain('inc-1', 12);
        await Promise.all(
          [...ranges, [0, 12] as const].map(([from, to]) => ledger.append(entries.slice(from, to))),
        );
        expect(await ledger.read('inc-1')).toEqual(entries);
      },
    ),
    { numRuns: 20 },
  );
});

test('an entry is its canonical JSON, byte for byte, readable by its owner alone', async () => {
  const dir = await temporaryDirectory();
  const [entry] = chain('inc-1', 1) as [LedgerEntry];
  await (await openLedger(dir)).append([entry]);
  expect(await readFile(join(dir, 'inc-1', '0000000001.json'), 'utf8')).toBe(canonical(entry));
  expect(await (await openLedger(dir)).incidents()).toEqual(['inc-1']);
});

test('another history under the same number is a conflict and changes nothing', async () => {
  const ledger = await openLedger(await temporaryDirectory());
  await ledger.append(chain('inc-1', 3, 'a'));
  await expect(ledger.append(chain('inc-1', 4, 'b'))).rejects.toThrow(LedgerConflict);
  expect(await ledger.read('inc-1')).toEqual(chain('inc-1', 3, 'a'));
});

test.each<[string, (entry: LedgerEntry) => LedgerEntry]>([
  ['its data was changed', (entry) => ({ ...entry, data: { other: true } })],
  ['its time was changed', (entry) => ({ ...entry, at: '2027-01-01T00:00:00Z' })],
  ['it has a field that the hash does not cover', (entry) => ({ ...entry, note: 'x' }) as LedgerEntry],
  ['its number is 0', (entry) => rehash({ ...entry, seq: 0 })],
  ['its number is no integer', (entry) => rehash({ ...entry, seq: 1.5 })],
])('an entry is refused, and those beside it too, when %s', async (_why, alter) => {
  const ledger = await openLedger(await temporaryDirectory());
  const [first, second] = chain('inc-1', 2) as [LedgerEntry, LedgerEntry];
  await expect(ledger.append([first, alter(second)])).rejects.toThrow(LedgerConflict);
  expect(await ledger.read('inc-1')).toEqual([]);
});

test.each(['..', '.', '.hidden', '', 'a/b', '../x', 'a\0b', 'a b', 'x'.repeat(101)])(
  'an incident cannot be called %j',
  async (incident) => {
    const dir = await temporaryDirectory();
    const ledger = await openLedger(join(dir, 'ledger'));
    await expect(ledger.append(chain(incident, 1))).rejects.toThrow('FB6201');
    await expect(ledger.read(incident)).rejects.toThrow('FB6201');
    expect(await readdir(dir)).toEqual(['ledger']);
  },
);

test('a symbolic link in the place of an incident or an entry is not followed', async () => {
  const dir = await temporaryDirectory();
  const ledger = await openLedger(join(dir, 'ledger'));
  await mkdir(join(dir, 'elsewhere'));
  await symlink(join(dir, 'elsewhere'), join(dir, 'ledger', 'inc-1'));
  await expect(ledger.append(chain('inc-1', 1))).rejects.toThrow('FB6203');
  await expect(ledger.read('inc-1')).rejects.toThrow('FB6203');
  expect(await readdir(join(dir, 'elsewhere'))).toEqual([]);

  const [entry] = chain('inc-2', 1) as [LedgerEntry];
  await writeFile(join(dir, 'entry'), canonical(entry));
  await mkdir(join(dir, 'ledger', 'inc-2'));
  await symlink(join(dir, 'entry'), join(dir, 'ledger', 'inc-2', '0000000001.json'));
  await expect(ledger.read('inc-2')).rejects.toThrow('FB6203');
});

test('a damaged or misplaced entry is named when it is read', async () => {
  const dir = await temporaryDirectory();
  const ledger = await openLedger(dir);
  await ledger.append(chain('inc-1', 2));
  await rename(join(dir, 'inc-1', '0000000002.json'), join(dir, 'inc-1', '0000000003.json'));
  await expect(ledger.read('inc-1')).rejects.toThrow('inc-1/0000000003.json');
  await writeFile(join(dir, 'inc-1', '0000000003.json'), '{"v":1,');
  await expect(ledger.read('inc-1')).rejects.toThrow('inc-1/0000000003.json');
});

test('two processes that append the same entries both succeed; of two histories one wins whole', async () => {
  const dir = await temporaryDirectory();
  const same = await Promise.all([runWriter(['ledger', dir]), runWriter(['ledger', dir])]);
  expect(same.map(({ code }) => code)).toEqual([0, 0]);
  expect(await (await openLedger(dir)).read('inc-1')).toEqual(chain('inc-1', 20));

  const other = await temporaryDirectory();
  const forked = await Promise.all(['a', 'b'].map((variant) => runWriter(['ledger', other, '-', variant])));
  expect(forked.filter(({ code }) => code !== 0)).toHaveLength(1);
  expect(forked.map(({ stderr }) => stderr).join('')).toContain('the record was forked');
  const winner = forked[0]?.code === 0 ? 'a' : 'b';
  expect(await (await openLedger(other)).read('inc-1')).toEqual(chain('inc-1', 20, winner));
});

test.each([
  ['written', 0],
  ['linked', 1],
] as const)(
  'a writer killed at "%s" leaves whole entries only, and a retry completes them',
  async (step, stored) => {
    const dir = await temporaryDirectory();
    await killWriter(['ledger', dir, step], (line) => line === `at ${step}`);
    expect(await readdir(join(dir, '.drafts'))).toHaveLength(1);
    const ledger = await openLedger(dir);
    expect(await ledger.read('inc-1')).toEqual(chain('inc-1', 20).slice(0, stored));
    expect(await readdir(join(dir, '.drafts'))).toEqual([]);
    await ledger.append(chain('inc-1', 20));
    expect(await ledger.read('inc-1')).toEqual(chain('inc-1', 20));
  },
);

function rehash({ hash: _hash, ...body }: LedgerEntry): LedgerEntry {
  return { ...body, hash: entryHash(body) };
}
