import { expect, test } from '@jest/globals';
import type { Authority } from '../../../domain/action.ts';
import { openRecords } from '../../../stores/records.ts';
import { intender } from '../../../worker/intents.ts';
import { temporaryDirectory } from '../../support/store-processes.ts';

const authority: Authority = { action: 'a', targets: [], rule: 'r', caps: {}, undo: 'none' };
const step = { incident: 'inc-1', step: 'rotate', authority };

test('only the first who intends a write may send it, also after the process was killed', async () => {
  const dir = await temporaryDirectory();
  const first = await intender(await openRecords(dir), step)('create', { known: ['AKIA1'] });
  expect(first).toMatchObject({ first: true, data: { known: ['AKIA1'] } });
  const again = await intender(await openRecords(dir), step)('create', { known: [] });
  expect(again).toEqual({ first: false, data: { known: ['AKIA1'] }, at: first.at });
});

test('of many who intend the same at once, one may send it', async () => {
  const records = await openRecords(await temporaryDirectory());
  const all = await Promise.all(
    Array.from({ length: 20 }, () => intender(records, step)('create', { same: true })),
  );
  expect(all.filter(({ first }) => first)).toHaveLength(1);
  expect(new Set(all.map(({ at }) => at)).size).toBe(1);
});

test('another incident, step, authority or name is another intent', async () => {
  const records = await openRecords(await temporaryDirectory());
  await intender(records, step)('create', {});
  const others = [
    { ...step, incident: 'inc-2' },
    { ...step, step: 'each[1]/rotate' },
    { ...step, authority: { ...authority, rule: 'another' } },
  ];
  for (const other of others)
    expect(await intender(records, other)('create', {})).toMatchObject({ first: true });
  expect(await intender(records, step)('delete', {})).toMatchObject({ first: true });
});
