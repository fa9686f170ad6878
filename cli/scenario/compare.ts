import type { Json } from '../../domain/json.ts';
import { milliseconds } from '../../language/compile/duration.ts';
import type { Played, StepEnd } from './play.ts';
import type { Scenario } from './read.ts';
import type { Question } from './world.ts';

/** Where a run differs from what was expected of it, as lines of a diff. */
export interface Difference {
  /** `outcome`, `within`, `steps`, `asked`, `holding`, `outputs`. */
  of: string;
  lines: { sign: ' ' | '-' | '+'; text: string }[];
}

/** Every difference between what was expected and what came of it; empty when it is as expected. */
export function differences({ expect }: Scenario, played: Played): Difference[] {
  const found: Difference[] = [];
  const { outcome = 'it did not end' } = played;
  if (outcome !== expect.outcome) {
    const why = played.why === undefined ? '' : `  # ${played.why}`;
    found.push({
      of: 'outcome',
      lines: [
        { sign: '-', text: expect.outcome },
        { sign: '+', text: `${outcome}${why}` },
      ],
    });
  }
  const { within } = expect;
  if (within !== undefined && played.virtualMs > (milliseconds(within) ?? 0))
    found.push({
      of: 'within',
      lines: [
        { sign: '-', text: `at most ${within}` },
        { sign: '+', text: `${played.virtualMs / 1000} s` },
      ],
    });
  add(found, 'steps', align(expect.steps, played.steps, matchesStep, showExpected, showStep));
  if (expect.asked !== undefined)
    add(found, 'asked', align(expect.asked, played.asked, matchesQuestion, showExpected, showQuestion));
  if (expect.holding !== undefined)
    add(
      found,
      'holding',
      align(expect.holding, played.holding, (a, b) => a === b, String, String),
    );
  if (expect.outputs !== undefined && !contains(played.outputs, expect.outputs))
    found.push({
      of: 'outputs',
      lines: [
        { sign: '-', text: show(expect.outputs) },
        { sign: '+', text: show(played.outputs) },
      ],
    });
  return found;
}

function add(found: Difference[], of: string, lines: Difference['lines']): void {
  if (lines.some(({ sign }) => sign !== ' ')) found.push({ of, lines });
}

/** The cheapest way to turn one list into the other; '...' stands for any number of entries. */
function align<E, G>(
  expected: readonly E[],
  got: readonly G[],
  matches: (expected: E, got: G) => boolean,
  showE: (expected: E) => string,
  showG: (got: G) => string,
): Difference['lines'] {
  const width = got.length + 1;
  const cost = new Uint32Array((expected.length + 1) * width);
  const at = (i: number, j: number): number => cost[i * width + j] ?? 0;
  const isGap = (i: number): boolean => expected[i] === '...';
  const fits = (i: number, j: number): boolean => {
    const [one, other] = [expected[i], got[j]];
    return one !== undefined && other !== undefined && matches(one, other);
  };
  // Filled from the ends, so that the way through is read from the beginning.
  for (let i = expected.length; i >= 0; i -= 1)
    for (let j = got.length; j >= 0; j -= 1) {
      if (i === expected.length && j === got.length) continue;
      let best = Infinity;
      if (i < expected.length) best = at(i + 1, j) + (isGap(i) ? 0 : 1);
      if (j < got.length) best = Math.min(best, at(i, j + 1) + (i < expected.length && isGap(i) ? 0 : 1));
      if (i < expected.length && j < got.length && !isGap(i) && fits(i, j))
        best = Math.min(best, at(i + 1, j + 1));
      cost[i * width + j] = best;
    }
  const lines: Difference['lines'] = [];
  let [i, j] = [0, 0];
  while (i < expected.length || j < got.length) {
    const [one, other] = [expected[i], got[j]];
    const here = at(i, j);
    if (one !== undefined && other !== undefined && !isGap(i) && fits(i, j) && at(i + 1, j + 1) === here) {
      lines.push({ sign: ' ', text: showG(other) });
      i += 1;
      j += 1;
    } else if (one !== undefined && at(i + 1, j) + (isGap(i) ? 0 : 1) === here) {
      lines.push({ sign: isGap(i) ? ' ' : '-', text: showE(one) });
      i += 1;
    } else if (other !== undefined) {
      if (!isGap(i)) lines.push({ sign: '+', text: showG(other) });
      j += 1;
    }
  }
  return lines;
}

type ExpectedStep = Scenario['expect']['steps'][number];

function matchesStep(expected: ExpectedStep, got: StepEnd): boolean {
  if (typeof expected === 'string') return false;
  const [[address, wanted] = []] = Object.entries(expected);
  if (address !== got.address || wanted === undefined) return false;
  if (typeof wanted === 'string') return wanted === got.status;
  return (
    wanted.status === got.status &&
    (wanted.why === undefined || got.why?.includes(wanted.why) === true) &&
    (wanted.verdict === undefined || wanted.verdict === got.verdict) &&
    (wanted.with === undefined || contains(got.with ?? null, wanted.with)) &&
    (wanted.outputs === undefined || contains(got.outputs, wanted.outputs))
  );
}

type ExpectedQuestion = NonNullable<Scenario['expect']['asked']>[number];

function matchesQuestion(expected: ExpectedQuestion, got: Question): boolean {
  if (typeof expected === 'string') return expected === got.address;
  const [[address, wanted] = []] = Object.entries(expected);
  if (address !== got.address || wanted === undefined) return false;
  return (
    (wanted.count === undefined || wanted.count === got.count) &&
    (wanted.from === undefined || contains(got.from, wanted.from)) &&
    (wanted.question === undefined || got.question.includes(wanted.question))
  );
}

/** Whether a value holds all of another: maps may hold more, all else is equal. */
function contains(value: Json, part: Json): boolean {
  if (Array.isArray(part))
    return (
      Array.isArray(value) &&
      value.length === part.length &&
      part.every((item, index) => contains(value[index] ?? null, item))
    );
  if (typeof part !== 'object' || part === null) return value === part;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(part).every(
    ([key, item]) => Object.hasOwn(value, key) && contains(value[key] ?? null, item),
  );
}

function showExpected(expected: string | { [address: string]: unknown }): string {
  if (typeof expected === 'string') return expected;
  return Object.entries(expected)
    .map(([address, wanted]) => `${address}: ${typeof wanted === 'string' ? wanted : show(wanted)}`)
    .join();
}

function showStep({ address, status, verdict, why, with: input, outputs }: StepEnd): string {
  const more = {
    ...(verdict === '' ? {} : { verdict }),
    ...(input === undefined ? {} : { with: input }),
    ...(Object.keys(outputs).length === 0 ? {} : { outputs }),
  };
  const details = Object.keys(more).length === 0 ? '' : `  ${show(more)}`;
  return `${address}: ${status}${why === undefined ? '' : `  # ${why}`}${details}`;
}

function showQuestion({ address, from, count, question }: Question): string {
  return `${address}: ${show({ from, count, ...(question === '' ? {} : { question }) })}`;
}

function show(value: unknown): string {
  return JSON.stringify(value);
}
