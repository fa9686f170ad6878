import { encodingsOf } from './redaction/encodings.ts';
import { credentialsIn } from './redaction/shapes.ts';
import { original, viewsOf, type Range } from './redaction/views.ts';

/** What stands where a secret was. */
export const placeholder = '[secret]';

/** A shorter text stands in too many others by chance. UTF-16 units. */
const shortest = 8;
/** What is remembered at most: the values used last, and those that last. */
export const mostRemembered = 1_000;
const mostCharacters = 1_000_000;

/** Values of secrets with all that each is looked for as; the one used last at the end. */
const remembered = new Map<string, string[]>();
/** Those of the process itself, which it has for as long as it lives. */
const lasting = new Set<string>();
let characters = 0;
/** What is looked for, by its first characters, and how many values it stands for. */
const index = new Map<string, Map<string, number>>();

/**
 * Remembers the value of a secret, so that `redact` knows it. Every `Secret` does so by itself.
 * @param lasts `always`: however many come after it
 */
export function remember(value: string, lasts?: 'always'): void {
  if (value.length < shortest) return;
  if (lasts === 'always') lasting.add(value);
  const known = remembered.get(value);
  remembered.delete(value);
  remembered.set(value, known ?? enter(value));
  for (const oldest of remembered.keys()) {
    if (remembered.size <= mostRemembered && characters <= mostCharacters) break;
    if (oldest !== value && !lasting.has(oldest)) forget(oldest);
  }
}

function enter(value: string): string[] {
  characters += value.length;
  const all = encodingsOf(value).filter((one) => one.length >= shortest);
  for (const one of all) {
    const key = one.slice(0, shortest);
    const others = index.get(key) ?? new Map<string, number>();
    others.set(one, (others.get(one) ?? 0) + 1);
    index.set(key, others);
  }
  return all;
}

function forget(value: string): void {
  characters -= value.length;
  for (const one of remembered.get(value) ?? []) {
    const key = one.slice(0, shortest);
    const others = index.get(key);
    const count = others?.get(one) ?? 0;
    if (count > 1) others?.set(one, count - 1);
    else others?.delete(one);
    if (others?.size === 0) index.delete(key);
  }
  remembered.delete(value);
}

/**
 * A text without the secrets that are remembered, in any of the usual encodings, and without what looks like a credential. A second line for everything
 * that leaves the process: the first is that no secret gets there. Text without secrets stays as it is. Time is linear in the text.
 */
export function redact(text: string): string {
  if (text.length < shortest) return text;
  const ranges = viewsOf(text).flatMap((view) =>
    [...rememberedIn(view.text), ...credentialsIn(view.text)].map((range) => original(view, range)),
  );
  if (ranges.length === 0) return text;
  let redacted = '';
  let at = 0;
  for (const { from, to } of merged(ranges)) {
    redacted += text.slice(at, from) + placeholder;
    at = to;
  }
  return redacted + text.slice(at);
}

/** A text without these values, wherever they stand as they are. However short: `redact` leaves the short ones, which stand in texts by chance. */
export function hide(text: string, values: readonly string[]): string {
  return values.reduce((hidden, value) => hidden.replaceAll(value, placeholder), text);
}

/** As `redact`, for every text in a JSON value, keys included. Returns the value itself when nothing had to go. */
export function redactJson<T>(value: T): T {
  const redacted = redactedJson(value);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of the same shape: only texts differ
  return redacted as T;
}

function redactedJson(value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map(redactedJson);
    return items.every((item, at) => item === value[at]) ? value : items;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  const entries = Object.entries(value).map(([key, item]) => ({
    key,
    item,
    to: redact(key),
    now: redactedJson(item),
  }));
  return entries.every(({ key, item, to, now }) => key === to && item === now)
    ? value
    : Object.fromEntries(entries.map(({ to, now }) => [to, now]));
}

function rememberedIn(text: string): Range[] {
  if (index.size === 0) return [];
  const found: Range[] = [];
  const cut = cutsOf(text);
  for (let at = 0; at + shortest <= text.length; at++) {
    const known = index.get(text.slice(at, at + shortest));
    if (known === undefined) continue;
    let length = 0;
    for (const one of known.keys()) length = Math.max(length, lengthAt(text, at, one, cut(at)));
    if (length > 0) found.push({ from: at, to: at + length });
  }
  return found;
}

/** How much of `one` stands at `at`: all of it, or at least half of it where the text was cut. 0: it does not. */
function lengthAt(text: string, at: number, one: string, cut: number): number {
  if (text.startsWith(one, at)) return one.length;
  const left = cut - at;
  return left < one.length &&
    left >= Math.max(shortest, one.length / 2) &&
    one.startsWith(text.slice(at, cut))
    ? left
    : 0;
}

/** For each place, in rising order, where the text after it ends or was cut by `truncate`. */
function cutsOf(text: string): (at: number) => number {
  let next = -1;
  return (at) => {
    if (next <= at) {
      const mark = text.indexOf('…', at + 1);
      next = mark < 0 ? text.length : mark;
    }
    return next;
  };
}

function merged(ranges: readonly Range[]): Range[] {
  const all: Range[] = [];
  for (const range of ranges.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    const last = all.at(-1);
    if (last === undefined || range.from > last.to) all.push({ ...range });
    else last.to = Math.max(last.to, range.to);
  }
  return all;
}
