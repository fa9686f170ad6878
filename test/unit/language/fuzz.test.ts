import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { libraryOf } from '../../../language/compile/compile.ts';
import { anyCel } from '../../support/arbitrary-cel.ts';
import { anyMutations, createOracle, mutate } from '../../support/fuzz-language.ts';
import { runToEnd } from '../../support/fuzz-run.ts';
import { createInterpreter } from '../../../workflows/interpreter/interpreter.ts';

/** Seconds: thirty in the tests, what the soak says there. */
const soak = Number(process.env['FIREBREAK_SOAK_SECONDS'] ?? 0);
const seconds = soak > 0 ? soak : 30;
const seed = Number(process.env['FIREBREAK_SEED'] ?? Date.now() % 0x7fffffff);

const here = import.meta.dirname;
const root = join(here, '..', '..', '..');
const yamlIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
const real = yamlIn(join(root, 'playbooks')).filter((text) => text.startsWith('id:'));
/** Playbooks of every kind of step: the broken ones, mended, and those that others run. */
const mended = yamlIn(join(here, 'invalid')).map((text) => {
  const said = (key: string): string =>
    JSON.parse(new RegExp(`^# ${key}: (.*)$`, 'm').exec(text)?.[1] ?? '""');
  return text.replace(/^(# .*\n)+/, '').replace(said('instead'), () => said('write'));
});
const children = yamlIn(join(here, 'invalid', 'children')).map((text, index) => ({
  file: `${index}.yaml`,
  text,
}));
const seeds = [...real, ...mended];
const oracle = createOracle(libraryOf(children));

/** Whole numbers that look like chance and are the same for the same start (a linear congruence, by Numerical Recipes). */
function chooser(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Half of the time each; bounded by runs as well, outside the soak. */
const bounds = {
  seed,
  numRuns: soak > 0 ? Number.MAX_SAFE_INTEGER : 3000,
  interruptAfterTimeLimit: seconds * 500,
  markInterruptAsFailure: false,
};
const timeout = seconds * 1000 + 30_000;

test(
  'no mutation of a playbook crashes the compiler, keeps it busy, or is accepted as nonsense',
  () => {
    let accepted = 0;
    let runs = 0;
    try {
      fc.assert(
        fc.property(fc.nat(), anyMutations, (which, mutations) => {
          runs++;
          const text = mutate(seeds[which % seeds.length] ?? '', mutations, seeds);
          if (oracle(text).accepted !== undefined) accepted++;
        }),
        bounds,
      );
    } finally {
      process.stdout.write(
        `language fuzz: ${runs} playbooks, ${accepted} accepted, FIREBREAK_SEED=${seed}\n`,
      );
    }
    // Else nothing was learnt of what is accepted.
    expect(accepted).toBeGreaterThan(runs / 50);
  },
  timeout,
);

const frame = (cel: string, form: string): string => {
  const expression = JSON.stringify(`\${{ ${cel} }}`);
  const places: { [form: string]: string } = {
    value: `  - { id: b, set: { y: ${expression} } }`,
    text: `  - { id: b, fail: ${expression} }`,
    condition: `  - { id: b, wait: 1s, if: ${JSON.stringify(cel)} }`,
    list: `  - { id: b, foreach: ${expression}, max-items: 3, steps: [{ id: c, set: { z: '\${{ item }}' } }] }`,
    again: `  - { id: b, while: ${JSON.stringify(cel)}, max-rounds: 3, steps: [{ id: c, wait: 1s }], outputs: { done: true } }`,
    choice: `  - { id: b, switch: ${expression}, cases: { a: [{ id: c, wait: 1s }] } }`,
  };
  return `id: T-1
name: Test
version: 1
inputs: { cluster: { type: string }, count: { type: integer }, force: { type: boolean }, hosts: { type: list }, x: { type: string } }
steps:
  - { id: a, set: { x: 1 } }
${places[form] ?? ''}
`;
};

test(
  'no expression crashes the compiler, keeps it busy, or is accepted without a meaning',
  () => {
    let accepted = 0;
    let runs = 0;
    const forms = fc.constantFrom('value', 'text', 'condition', 'list', 'again', 'choice');
    try {
      fc.assert(
        fc.property(anyCel, forms, fc.nat(), (cel, form, start) => {
          runs++;
          const playbook = oracle(frame(cel, form)).accepted;
          if (playbook === undefined) return;
          accepted++;
          runToEnd(createInterpreter, playbook, chooser(start));
        }),
        bounds,
      );
    } finally {
      process.stdout.write(
        `language fuzz: ${runs} expressions, ${accepted} accepted, FIREBREAK_SEED=${seed}\n`,
      );
    }
    expect(accepted).toBeGreaterThan(runs / 100);
  },
  timeout,
);
