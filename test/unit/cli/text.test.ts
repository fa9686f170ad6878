import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { JsonObject } from '../../../domain/json.ts';
import { gatherInput, inputsOf } from '../../../cli/inputs.ts';
import { jsonText, paragraph } from '../../../cli/output.ts';
import { duration, when } from '../../../cli/render/time.ts';
import { active } from '../../support/cli.ts';

test('JSON on a terminal is inert, and says the same', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const text = jsonText(value);
      expect(text).not.toMatch(active);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
  expect(jsonText('\u009b31m\u202e\u{e0041}')).toBe(String.raw`"\u009b31m\u202e\udb40\udc41"`);
});

test('a paragraph keeps to 80 columns, whatever its indents', () => {
  const words = fc.array(fc.stringMatching(/^[a-z]{1,20}$/), { minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(words, fc.integer({ min: 1, max: 20 }), (text, indent) => {
      const lines = paragraph(text.join(' '), ' '.repeat(indent), '-').split('\n');
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
      expect(lines.join(' ').replace(/^-/, '').split(/ +/).filter(Boolean)).toEqual(text);
    }),
  );
});

test('inputs are text with = and JSON with :=, never guessed', () => {
  const gathered = ['a=1', 'b:=1', 'c=x=y', 'd:=true', 'e='].reduce(
    (inputs, text) => gatherInput(text, inputs),
    {},
  );
  expect(gathered).toEqual({ a: '1', b: 1, c: 'x=y', d: true, e: '' });
  expect(() => gatherInput('a=2', { a: '1' })).toThrow('twice');
  expect(() => gatherInput('a')).toThrow('name=text');
  expect(() => gatherInput('=x')).toThrow('name=text');
  expect(() => gatherInput('a:={')).toThrow('not JSON');
});

test('inputs of a file are as YAML has them, and those of the command line take their place', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-inputs-'));
  const file = join(dir, 'inputs.yaml');
  const read = async (text: string, input?: JsonObject) => {
    await writeFile(file, text);
    return inputsOf({ inputs: file, ...(input === undefined ? {} : { input }) });
  };
  expect(await inputsOf({})).toEqual({});
  expect(await read('a: 1\nb: [x, y]\nc: "2"\nd: 2026-01-01T00:00:00Z\n', { a: 'z' })).toEqual({
    a: 'z',
    b: ['x', 'y'],
    c: '2',
    d: '2026-01-01T00:00:00Z',
  });
  expect(await read('{"a": {"b": 1}}')).toEqual({ a: { b: 1 } });
  await expect(read('a: 1\na: 2\n')).rejects.toThrow(/inputs\.yaml:2:1: /);
  await expect(read('- a\n')).rejects.toThrow('write a map');
  await expect(inputsOf({ inputs: join(dir, 'none') })).rejects.toThrow('cannot be read (ENOENT)');
  await rm(dir, { recursive: true });
});

test('moments are told from now, in the largest unit that fits', () => {
  const now = new Date('2026-01-02T03:00:00Z');
  expect(when('2026-01-02T03:04:30Z', now)).toBe('03:04:30 UTC, in 4 min');
  expect(when('2026-01-01T03:00:00Z', now)).toBe('2026-01-01 03:00:00 UTC, 1 d ago');
  expect(when('rubbish\u001b[2J', now)).toBe('at an unknown time');
  expect([90_000, 60_000, 3_600_000, 86_400_000, 172_800_000].map(duration)).toEqual([
    '90 s',
    '1 min',
    '1 h',
    '1 d',
    '2 d',
  ]);
});
