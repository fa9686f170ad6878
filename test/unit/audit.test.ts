import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { findingTitles, quote } from '../../audit/findings.ts';
import { parsePublicKey, publicKeyPem } from '../../audit/keys.ts';
import { markdown } from '../../audit/markdown.ts';
import { measuresOf } from '../../audit/measures.ts';
import { parseCanonical } from '../../audit/strict-json.ts';
import { quietKinds, tell } from '../../audit/story.ts';
import { isListable } from '../../audit/bundle/layout.ts';
import { canonical } from '../../domain/json.ts';
import type { LedgerEntry } from '../../domain/ledger.ts';
import type { Playbook } from '../../language/run/playbook.ts';

describe('strict JSON', () => {
  test('takes what is canonical, and gives it back', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = canonical(value);
        expect(canonical(parseCanonical(text))).toBe(text);
      }),
    );
  });

  test.each([
    ['a duplicate key', '{"a":1,"a":1}'],
    ['keys out of order', '{"b":1,"a":1}'],
    ['white space', '{"a": 1}'],
    ['a number spelt otherwise', '1.0'],
    ['an escape that is not needed', '"\\u0061"'],
    ['a lone surrogate', '"\\ud800"'],
    ['too deep a nesting', `${'['.repeat(101)}${']'.repeat(101)}`],
    ['brackets without end', '['.repeat(1_000_000)],
    ['an infinite number', '1e999'],
  ])('refuses %s', (_what, text) => {
    expect(() => parseCanonical(text)).toThrow(SyntaxError);
  });

  test('does not count brackets inside strings', () => {
    expect(parseCanonical(canonical(`${'['.repeat(500)}\\"${'{'.repeat(500)}`))).toContain('[[[');
  });
});

describe('text from outside', () => {
  test('neither formats, links nor mentions in Markdown, and stays on its line', () => {
    const hostile = '# **x** [a](http://b) <img src=x> `c` | @team\n- d https://e www.f.g #1 ~~h~~ &lt; $i$';
    const safe = markdown(hostile);
    expect(safe).not.toMatch(/\n/);
    expect(safe).not.toMatch(/(?<!\\)[*`[\]<>|@#~$&]/);
    expect(safe).not.toMatch(/https?:\/\/|www\.f/);
  });

  test('cannot move a terminal’s cursor in a quotation', () => {
    expect(quote('\u001b[2J\u009b\u202e\ufeff')).toMatch(/^[\x20-\x7e]*$/);
    expect(quote('x'.repeat(10_000)).length).toBeLessThan(400);
  });
});

test('a manifest can list only what a bundle has', () => {
  for (const name of [
    '..',
    'evidence',
    'evidence/',
    `evidence/${'A'.repeat(64)}`,
    'ledger.jsonl/',
    './ledger.jsonl',
    'manifest.json',
  ]) {
    expect(isListable(name)).toBe(false);
  }
  expect(isListable(`evidence/${'a'.repeat(64)}`)).toBe(true);
});

test('a key goes to PEM and back', () => {
  const pem =
    '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n';
  const key = parsePublicKey(pem);
  expect(publicKeyPem(key)).toBe(pem);
  expect(parsePublicKey(JSON.stringify(key))).toEqual(key);
});

const entry = (kind: string, at: string, data: LedgerEntry['data']): LedgerEntry => ({
  v: 1,
  incident: 'inc-1',
  seq: 1,
  prev: 'sha256:0',
  hash: 'sha256:1',
  at,
  kind,
  data,
});

describe('measures', () => {
  const playbook = {
    steps: [
      { kind: 'action', id: 'q', uses: 'contain' },
      { kind: 'action', id: 'e', uses: 'look' },
      { kind: 'foreach', id: 'each', steps: [{ kind: 'playbook', id: 'run', playbook: 'T-2' }] },
    ],
    children: { 'T-2': { steps: [{ kind: 'action', id: 'q', uses: 'contain' }] } },
    actions: { contain: { effect: 'contain' }, look: { effect: 'read' } },
  } as unknown as Playbook;
  const alert = entry('alert.joined', '2026-01-01T00:00:02Z', {
    detectedAt: '2026-01-01T00:00:00Z',
    receivedAt: '2026-01-01T00:00:02Z',
  });
  const verified = (step: string, verdict: string, at: string, state = 'in-place') =>
    entry('step.verified', at, { step, verdict, state });
  const ms = (entries: LedgerEntry[]) =>
    Object.fromEntries(measuresOf(entries, playbook).map(({ name, ms }) => [name, ms]));

  test('count from detection to the first verified containment, and from the alert to the first person', () => {
    expect(
      ms([
        alert,
        entry('decision.taken', '2026-01-01T00:00:32Z', {}),
        verified('e', 'verified', '2026-01-01T00:00:33Z'),
        verified('q', 'verified', '2026-01-01T00:00:34Z', 'partial'),
        verified('q', 'verified', '2026-01-01T00:00:40Z'),
      ]),
    ).toMatchObject({ MTTA: 30_000, MTTC: 40_000, MTTD: undefined, MTTR: undefined });
  });

  test('never call an evaluated containment a verified one', () => {
    expect(ms([alert, verified('q', 'evaluated', '2026-01-01T00:00:40Z')])).toMatchObject({
      MTTC: undefined,
      'evaluated containment': 40_000,
    });
  });

  test('find the containment inside loops and children, and take no namesake for it', () => {
    const inside = verified('each[3]/run/q', 'verified', '2026-01-01T00:00:50Z');
    expect(ms([alert, inside])).toMatchObject({ MTTC: 50_000 });
    expect(ms([alert, { ...inside, data: { ...inside.data, step: 'each[3]/q' } }])).toMatchObject({
      MTTC: undefined,
    });
  });

  test('of a playbook that runs itself, in a bundle that somebody made, are not known', () => {
    const endless = { steps: [{ kind: 'playbook', id: 'r', playbook: 'X' }] };
    const hostile = { ...endless, actions: {}, children: { X: endless } } as unknown as Playbook;
    const found = measuresOf([alert, verified('q', 'verified', '2026-01-01T00:00:50Z')], hostile);
    expect(found.find(({ name }) => name === 'MTTC')).not.toHaveProperty('ms');
  });

  test('say what cannot be known', () => {
    for (const measure of measuresOf([], undefined))
      expect(measure).toMatchObject({ why: expect.any(String) });
  });
});

describe('the story', () => {
  test('has words for every kind of entry that the workflow notes', async () => {
    const folder = new URL('../../workflows/', import.meta.url);
    const files = await readdir(folder, { recursive: true });
    const kinds = new Set<string>();
    for (const file of files.filter((name) => name.endsWith('.ts'))) {
      const text = await readFile(new URL(file, folder), 'utf8');
      for (const [, kind = ''] of text.matchAll(/(?:note\(\s*|kind: )'([a-z-]+\.[a-z-]+)'/g)) kinds.add(kind);
    }
    expect(kinds.size).toBeGreaterThan(20);
    for (const kind of kinds) {
      const { text } = tell(entry(kind, '2026-01-01T00:00:00Z', {}), []);
      expect([kind, text.startsWith(kind) && !quietKinds.includes(kind)]).toEqual([kind, false]);
    }
  });

  test('leaves nothing out that it does not know', () => {
    expect(tell(entry('moon.landed', '', { by: 'x' }), []).text).toBe('moon.landed {"by":"x"}');
  });
});

test('every finding is in the reference', async () => {
  const reference = await readFile(new URL('../../docs/reference/errors.md', import.meta.url), 'utf8');
  for (const [code, title] of Object.entries(findingTitles))
    expect(reference).toContain(`| ${code} | ${title} |`);
});
