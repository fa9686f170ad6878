import { Ajv2020 } from 'ajv/dist/2020.js';
import * as fc from 'fast-check';
import { parse as readYaml, stringify } from 'yaml';
import { canonical, type Json } from '../../domain/json.ts';
import { compilePlaybook, type Library } from '../../language/compile/compile.ts';
import { playbookJsonSchema } from '../../language/compile/schema.ts';
import { evaluate, ExpressionError } from '../../language/run/expression.ts';
import type { Playbook, Scope } from '../../language/run/playbook.ts';
import { anyCel } from './arbitrary-cel.ts';
import { languageCatalogue } from './language-catalogue.ts';

/** Milliseconds that a file may take to be judged, whatever is in it. */
const maxMs = 1000;

/** One change to a playbook's text. `at` and `from` choose a place, counted round. */
interface Mutation {
  how: (typeof hows)[number];
  at: number;
  from: number;
  value: Json;
  cel: string;
}
const hows = [
  'delete a line',
  'repeat a line',
  'swap lines',
  'indent a line',
  'put in characters',
  'cut off',
  'remove a value',
  'replace a value',
  'rename a key',
  'graft a value',
  'write an expression',
  'write a condition',
] as const;

const hostileText = [
  '',
  '*',
  '&a',
  '!!js/function',
  '${{',
  '}}',
  '${{ }}',
  '---',
  '\t',
  '\u0000',
  '\ud800',
  '\u2028',
  '- - - -',
  '{',
  '[',
  '"',
  '<<: *a',
  '? x',
  '%YAML 1.1',
  '#',
  '|2-',
  '__proto__',
  'constructor',
  '99999999999999999999',
  '.nan',
  '0x1F',
  '1e999',
  '90d',
  '2024-01-01',
  'a'.repeat(5000),
];
const hostileValues: Json[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  501,
  '',
  ' ',
  '0s',
  '5m',
  'a',
  'b',
  'done',
  [],
  {},
  [[]],
  [null],
  { a: [] },
  { __proto_: 1 },
  { constructor: 1, prototype: 2 },
  'kubernetes.collect-evidence',
  'test.evict',
  '${{ inputs.hosts }}',
  "${{ '${{' }}",
  ...hostileText,
];

export const anyMutations: fc.Arbitrary<Mutation[]> = fc.array(
  fc.record({
    how: fc.constantFrom(...hows),
    at: fc.nat(5000),
    from: fc.nat(5000),
    value: fc.constantFrom(...hostileValues),
    cel: anyCel,
  }),
  { minLength: 1, maxLength: 3 },
);

/** A text after some mutations; `others` are grafted from. */
export function mutate(text: string, mutations: readonly Mutation[], others: readonly string[]): string {
  return mutations.reduce((changed, mutation) => once(changed, mutation, others), text);
}

function once(text: string, mutation: Mutation, others: readonly string[]): string {
  const { how, at, from, value } = mutation;
  const lines = text.split('\n');
  const line = at % lines.length;
  const other = from % lines.length;
  const here = lines[line] ?? '';
  switch (how) {
    case 'delete a line':
      return lines.toSpliced(line, 1).join('\n');
    case 'repeat a line':
      return lines.toSpliced(other, 0, here).join('\n');
    case 'swap lines':
      return lines
        .with(line, lines[other] ?? '')
        .with(other, here)
        .join('\n');
    case 'indent a line':
      return lines.with(line, from % 2 === 0 ? `  ${here}` : here.replace(/^ {2}/, '')).join('\n');
    case 'put in characters': {
      const place = at % (text.length + 1);
      return text.slice(0, place) + (hostileText[from % hostileText.length] ?? '') + text.slice(place);
    }
    case 'cut off':
      return text.slice(0, at % (text.length + 1));
    default:
      return structurally(text, mutation, value, others);
  }
}

/** A place in a value: its container and its key there. */
interface Spot {
  in: Json[] | { [key: string]: Json };
  key: string | number;
}

function structurally(
  text: string,
  { how, at, from, cel }: Mutation,
  value: Json,
  others: readonly string[],
): string {
  const root = treeOf(text);
  if (root === undefined) return text;
  const spots = [...spotsOf(root)];
  const spot = spots[at % Math.max(1, spots.length)];
  if (spot === undefined) return text;
  const put = (given: Json): void => void Reflect.set(spot.in, spot.key, given);
  if (how === 'remove a value') {
    if (Array.isArray(spot.in)) spot.in.splice(Number(spot.key), 1);
    else Reflect.deleteProperty(spot.in, spot.key);
  } else if (how === 'replace a value') put(value);
  else if (how === 'write an expression') put(`\${{ ${cel} }}`);
  else if (how === 'write a condition') put(cel);
  else {
    const donor = treeOf(others[at % Math.max(1, others.length)] ?? '') ?? root;
    const grafts = [...spotsOf(donor)];
    const graft = grafts[from % Math.max(1, grafts.length)];
    if (graft === undefined) return text;
    if (how === 'graft a value') put(structuredClone(Reflect.get(graft.in, graft.key)));
    else if (!Array.isArray(spot.in) && typeof graft.key === 'string') {
      const moved = spot.in[String(spot.key)] ?? null;
      Reflect.deleteProperty(spot.in, spot.key);
      Object.defineProperty(spot.in, graft.key, {
        value: moved,
        enumerable: true,
        writable: true,
        configurable: true,
      });
    }
  }
  return stringify(root, { aliasDuplicateObjects: false });
}

/** A text's value, when it is YAML and a container. */
function treeOf(text: string): Spot['in'] | undefined {
  try {
    const value: unknown = readYaml(text, { logLevel: 'error', maxAliasCount: 0 });
    return typeof value === 'object' && value !== null ? (structuredClone(value) as Spot['in']) : undefined;
  } catch {
    // Most mutations of a text leave no YAML; those of its value then change nothing.
    return undefined;
  }
}

function* spotsOf(value: Json): Generator<Spot> {
  if (typeof value !== 'object' || value === null) return;
  for (const key of Array.isArray(value) ? value.keys() : Object.keys(value)) {
    yield { in: value, key };
    yield* spotsOf(Reflect.get(value, key));
  }
}

/** What is true of every text; throws when it is not. */
export function createOracle(library: Library): (text: string) => { accepted: Playbook | undefined } {
  const ajv = new Ajv2020({ allErrors: false, strict: false, validateFormats: false });
  const fits = ajv.compile(playbookJsonSchema(languageCatalogue));
  const compile = (text: string): ReturnType<typeof compilePlaybook> =>
    compilePlaybook({ file: 'fuzz.yaml', text }, languageCatalogue, library);
  return (text) => {
    const before = performance.now();
    const result = compile(text);
    const took = performance.now() - before;
    // Once more before it is called slow: the machine has other work too.
    if (took > maxMs) expectQuick(() => compile(text));
    const problems = 'problems' in result ? result.problems : result.warnings;
    for (const { line, column, message, fix } of problems)
      if (!(line >= 1 && column >= 1 && message !== '' && fix !== '' && message.length < 2000))
        throw new Error(`a problem is not fit for people: ${JSON.stringify({ line, column, message, fix })}`);
    if ('problems' in result) {
      if (result.problems.length === 0) throw new Error('refused without a problem');
      return { accepted: undefined };
    }
    const { playbook, digest } = result.ok;
    const value: Json = readYaml(text);
    if (!fits(value)) throw new Error(`the schema refuses what is accepted: ${ajv.errorsText(fits.errors)}`);
    const again = compile(
      stringify(reordered(value, []), { indent: 4, lineWidth: 40, aliasDuplicateObjects: false }),
    );
    if ('problems' in again) throw new Error(`refused in another order: ${JSON.stringify(again.problems)}`);
    if (again.ok.digest !== digest) throw new Error('another digest in another order of keys');
    if (canonical(JSON.parse(JSON.stringify(playbook))) !== canonical(playbook))
      throw new Error('the playbook does not survive JSON');
    for (const cel of expressionsIn(playbook)) tryOut(cel);
    return { accepted: playbook };
  };
}

function expectQuick(work: () => unknown): void {
  const before = performance.now();
  work();
  const took = performance.now() - before;
  if (took > maxMs) throw new Error(`the compiler takes ${Math.round(took)} ms`);
}

/** The same value with the keys of its maps turned round. The order of branches and cases means something. */
function reordered(value: Json, path: readonly string[]): Json {
  if (Array.isArray(value)) return value.map((item) => reordered(item, [...path, '']));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, reordered(item, [...path, key])] as const);
  const keeps = path.at(-1) === 'parallel' || path.at(-1) === 'cases';
  return Object.fromEntries(keeps ? entries : entries.toReversed());
}

/** Every expression in a resolved playbook. */
function* expressionsIn(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null || 'literal' in value) return;
  if ('cel' in value && typeof value.cel === 'string') yield value.cel;
  for (const [key, inner] of Object.entries(value)) if (key !== 'actions') yield* expressionsIn(inner);
}

const scope: Scope = {
  inputs: { cluster: 'a', namespace: 'b', count: 2, force: true, hosts: ['x'], x: 'y' },
  alert: { pod: '${{ inputs.x }}', fields: { 'proc.name': 'sh' } },
  incident: { id: 'inc-1', title: '', severity: 'high', mode: 'approve', requester: 'p' },
  steps: {},
  item: 'x',
  index: 0,
  round: 0,
  last: {},
  reading: { verdict: 'verified', outputs: {} },
  failure: { step: 'a', status: 'failed', why: '' },
};

/** An expression that was accepted may lack a value, and never a meaning. */
function tryOut(cel: string): void {
  try {
    evaluate({ cel }, scope);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    if (error.unknown !== undefined || /unknown (variable|function)/i.test(error.reason))
      throw new Error(`accepted, and means nothing: ${error.message}`, { cause: error });
  }
}
