import { expect, test } from '@jest/globals';
import { assert, constantFrom, integer, oneof, property, string } from 'fast-check';
import { oneLine } from '../../../domain/safe-text.ts';
import { slackText } from '../../../domain/slack.ts';

const anything = oneof(
  string({ unit: 'binary', maxLength: 400 }),
  string({ unit: 'grapheme', maxLength: 400 }),
  string({
    unit: constantFrom(
      '\n',
      '\r',
      '\u202e',
      '\u200b',
      '\ud83d',
      'a',
      '👩‍🚒',
      'e\u0301',
      'ש',
      '\u{e0041}',
      '\u2028',
      '*',
      '<',
    ),
    maxLength: 400,
  }),
);

test.each([
  ['plain', 'plain'],
  ['a\r\nb\nc\u2028d', 'a⏎b⏎c⏎d'],
  ['pay\u202eload\u202c', 'pay⟨U+202E⟩load⟨U+202C⟩'],
  ['no\u200bthing\ufeff', 'no⟨U+200B⟩thing⟨U+FEFF⟩'],
  ['half \ud83d', 'half ⟨U+D83D⟩'],
  ['\u001b[31m', '⟨U+001B⟩[31m'],
  ['tag \u{e0041}', 'tag ⟨U+E0041⟩'],
  ['\u3164', '⟨U+3164⟩'],
  [`z${'\u0301'.repeat(30)}`, `z${'\u0301'.repeat(4)}⟨+26 marks⟩`],
  ['שלום 1', '\u2068שלום 1\u2069'],
  ['⚠️', '⚠️'],
])('%j reads %j', (raw, safe) => {
  expect(oneLine(raw, 200)).toBe(safe);
});

test('a cut says how much is left out, and does not halve an emoji', () => {
  expect(oneLine('x'.repeat(100), 40)).toBe(`${'x'.repeat(21)}… (+79 characters)`);
  expect(oneLine('😀'.repeat(100), 41).isWellFormed()).toBe(true);
  expect(oneLine('x'.repeat(5_000_000), 40)).toMatch(/^x+… \(\+49999\d\d characters\)$/);
});

test('one line, within its limit, well-formed, nothing invisible, for any string and limit', () => {
  assert(
    property(anything, integer({ min: 30, max: 500 }), (raw, max) => {
      const safe = oneLine(raw, max);
      expect(safe.length).toBeLessThanOrEqual(max);
      expect(safe.isWellFormed()).toBe(true);
      const inside = /^\u2068([^]*)\u2069$/.exec(safe)?.[1] ?? safe;
      expect(inside).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }),
    { numRuns: 2_000 },
  );
});

test('what Slack parses in a notification is inert', () => {
  expect(slackText('<!channel> <@U1|x> *b* _i_ `c` ~s~ a&b @here', 200)).toBe(
    '&lt;!channel&gt; &lt;＠U1|x&gt; ＊b＊ ＿i＿ ｀c｀ ～s～ a&amp;b ＠here',
  );
  assert(
    property(anything, (raw) => {
      expect(slackText(raw, 300)).not.toMatch(/[<>*_~`@\n]|&(?!amp;|lt;|gt;)/);
    }),
  );
});
