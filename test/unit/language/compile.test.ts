import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { digest, type Json } from '../../../domain/json.ts';
import { compilePlaybook } from '../../../language/compile/compile.ts';
import { bindInputs } from '../../../language/compile/inputs.ts';
import { playbookJsonSchema } from '../../../language/compile/schema.ts';
import { condition, render } from '../../../language/run/expression.ts';
import type { ActionStep, CompiledPlaybook, Scope } from '../../../language/run/playbook.ts';
import { catalogue } from '../../support/catalogue.ts';

const sampleFile = new URL('../../../playbooks/FB-001-quarantine-namespace/playbook.yaml', import.meta.url);
const sample = await readFile(sampleFile, 'utf8');
const read = (text: string): ReturnType<typeof compilePlaybook> =>
  compilePlaybook({ file: 'p.yaml', text }, catalogue);
const compiled = (text: string): CompiledPlaybook => {
  const result = read(text);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.ok;
};
const actionsOf = ({ playbook }: CompiledPlaybook): ActionStep[] =>
  playbook.steps.filter((step) => step.kind === 'action');
const warnings = (text: string): string[] => {
  const result = read(text);
  return 'problems' in result ? ['problems'] : result.warnings.map(({ code, field }) => `${code} ${field}`);
};

/** One of everything the language has. */
const rich = `
id: T-2
name: Everything
version: 3
inputs:
  name: { type: string, description: Whose. }
  count: { type: integer, default: 2 }
steps:
  - id: evidence
    uses: kubernetes.collect-evidence
    with: { cluster: eu, namespace: "\${{ inputs.name }}-prod" }
    needs: []
  - id: scale
    uses: test.scale
    if: \${{ steps.evidence.outputs.artefacts > 0 && has(alert.pod) }}
    needs: evidence
    with:
      name: "\${{ inputs.name }}"
      replicas: "\${{ inputs.count }}"
      labels: { why: "seen by \${{ alert.rule }}", note: "plain }} {{ $\{x}" }
      ports: [80, "\${{ int(inputs.count) }}"]
  - id: remove
    uses: test.delete
    needs: [evidence, scale, evidence]
    with: { name: "\${{ {'a': {'b': '}}'}}.a.b }}" }
    approve: { from: [responders, leads], count: 2, within: 90s, otherwise: deny }
`;

test('the sample compiles to what is run', () => {
  const { playbook, file } = compiled(sample);
  expect(file).toBe('p.yaml');
  expect(playbook).toMatchObject({ schema: 'firebreak/playbook/v1', id: 'FB-001', version: 1 });
  const inputs = { map: { cluster: { cel: 'inputs.cluster' }, namespace: { cel: 'inputs.namespace' } } };
  expect(playbook.steps).toEqual([
    {
      kind: 'action',
      id: 'quarantine',
      uses: 'kubernetes.quarantine-namespace',
      with: inputs,
      needs: [],
      approve: { from: ['responders'], count: 1, withinMs: 300_000, otherwise: 'escalate' },
      // oxlint-disable-next-line unicorn/no-thenable -- the language's own key
      hold: { forMs: 86_400_000, then: 'escalate' },
      undo: 'never',
    },
    {
      kind: 'action',
      id: 'evidence',
      uses: 'kubernetes.collect-evidence',
      with: inputs,
      needs: ['quarantine'],
      undo: 'never',
    },
  ]);
  expect(Object.keys(playbook.actions)).toEqual([
    'kubernetes.quarantine-namespace',
    'kubernetes.collect-evidence',
  ]);
  expect(warnings(sample)).toEqual([]);
});

test('a compiled playbook is plain JSON under its own digest', () => {
  for (const text of [sample, rich]) {
    const { playbook, digest: said } = compiled(text);
    expect(JSON.parse(JSON.stringify(playbook))).toEqual(playbook);
    expect(said).toBe(digest(playbook));
  }
});

test('expressions, needs and defaults are resolved', () => {
  const [evidence, scale, remove] = actionsOf(compiled(rich));
  expect(evidence).toMatchObject({ needs: [], undo: 'never' });
  expect(scale).toMatchObject({ needs: ['evidence'], undo: 'on-failure' });
  expect(remove).toMatchObject({
    needs: ['evidence', 'scale'],
    undo: 'never',
    approve: { count: 2, withinMs: 90_000, otherwise: 'deny' },
  });
  const scope: Scope = {
    inputs: { name: 'shop', count: 2 },
    alert: { pod: 'web', rule: '${{ inputs.name }}' },
    incident: {},
    steps: { evidence: { status: 'done', verdict: 'verified', outputs: { artefacts: 4 } } },
  };
  expect(scale?.if === undefined ? undefined : condition(scale.if, scope)).toBe(true);
  expect(evidence && render(evidence.with, scope)).toEqual({ cluster: 'eu', namespace: 'shop-prod' });
  expect(scale && render(scale.with, scope)).toEqual({
    name: 'shop',
    replicas: 2,
    labels: { why: 'seen by ${{ inputs.name }}', note: 'plain }} {{ ${x}' },
    ports: [80, 2],
  });
  expect(remove && render(remove.with, scope)).toEqual({ name: '}}' });
});

test('the three characters that open an expression can be written', () => {
  const step = actionsOf(compiled(rich.replace('plain', "${{ '${{' }} x }}")))[1];
  const scope: Scope = { inputs: { name: 'a', count: 1 }, alert: { rule: 'r' }, incident: {}, steps: {} };
  expect(step && render(step.with, scope)).toMatchObject({ labels: { note: '${{ x }} }} {{ ${x}' } });
});

test('the digest covers what is run and nothing of how it is written', () => {
  const said = compiled(rich).digest;
  const shuffled = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(shuffled);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .toReversed()
        .map(([key, item]) => [key, shuffled(item)]),
    );
  };
  const asData: Json = parse(rich);
  for (const text of [
    `# a comment\n${rich.replaceAll('\n', '  \n')}`,
    rich.replaceAll('\n', '\r\n'),
    `\ufeff${rich.trimStart()}`,
    JSON.stringify(asData),
    stringify(shuffled(asData), { defaultStringType: 'QUOTE_DOUBLE', lineWidth: 0 }),
  ])
    expect(compiled(text).digest).toBe(said);
  expect(compiled(rich.replace('inputs.count }}', 'inputs.count}}')).digest).toBe(said);
  for (const [from, to] of [
    ['version: 3', 'version: 4'],
    ['within: 90s', 'within: 91s'],
    ['count: 2, within', 'count: 3, within'],
    ['artefacts > 0', 'artefacts > 1'],
    ['needs: []', 'needs: []\n    if: "true"'],
  ] as const) {
    const result = read(rich.replace(from, to));
    expect([to, 'ok' in result && result.ok.digest === said]).toEqual([to, false]);
  }
  const slower = catalogue.map((action) => ({ ...action, timing: { ...action.timing, attempts: 1 } }));
  const other = compilePlaybook({ file: 'other.yaml', text: rich }, slower);
  expect('ok' in other && other.ok.digest !== said).toBe(true);
  const renamed = compilePlaybook({ file: 'other.yaml', text: rich }, catalogue);
  expect('ok' in renamed && renamed.ok.digest === said).toBe(true);
});

function within(text: string): number | undefined {
  const result = read(sample.replace('within: 5m', `within: ${text}`));
  return 'ok' in result ? actionsOf(result.ok)[0]?.approve?.withinMs : undefined;
}

test('durations', () => {
  expect(['1s', '90s', '5m', '24h', '7d', '90d'].map(within)).toEqual([
    1000, 90_000, 300_000, 86_400_000, 604_800_000, 7_776_000_000,
  ]);
  for (const text of [
    '0s',
    '05m',
    '5',
    '5 m',
    '5M',
    '1h30m',
    '-5m',
    '1.5h',
    '5mm',
    '9999999s',
    '2161h',
    '"5m\\n"',
  ])
    expect([text, within(text)]).toEqual([text, undefined]);
});

test('warnings name what is probably not meant', () => {
  expect(warnings(rich)).toEqual(['FB2092 name', 'FB2090 steps[1].uses']);
  expect(warnings(rich.replace('name: Everything', 'name: Everything\ndescription: All of it.'))).toEqual([
    'FB2090 steps[1].uses',
  ]);
  expect(warnings(sample.replace('approve:', '# approve:'))).toEqual(['FB2090 steps[0].uses']);
  expect(warnings(sample.replace('steps:', '  spare: { type: string }\nsteps:'))).toEqual([
    'FB2091 inputs.spare',
  ]);
});

/** A step that looks at the first and at the one before it. */
function link(index: number): string {
  const step = `  - id: s${index}\n    uses: test.scale\n    with: { name: x }\n`;
  if (index === 0) return step;
  return `${step}    if: steps.s0.verdict == 'verified' && steps.s${index - 1}.status == 'done'\n`;
}

function chain(count: number): string {
  return Array.from({ length: count }, (_, index) => link(index)).join('');
}

test('a playbook of 500 steps compiles, one of 501 does not', () => {
  const head = 'id: T\nname: T\nversion: 1\nsteps:\n';
  expect(compiled(head + chain(500)).playbook.steps).toHaveLength(500);
  const result = read(head + chain(501));
  expect('problems' in result && result.problems.map(({ code, field }) => [code, field])).toEqual([
    ['FB2010', 'steps'],
  ]);
});

test('conditions that are sound compile', () => {
  for (const cel of [
    "has(alert.pod) && alert.pod != ''",
    "'x' in alert.fields && alert.fields['x'] == 1 || alert.fields.y == null",
    "alert.fields.exists(k, k.startsWith('p') && alert.fields[k] == 'sh')",
    'has(steps.evidence.outputs.artefacts) && steps.evidence.outputs.artefacts >= 1',
    'steps.evidence.outputs.complete',
    "steps['evidence'].verdict == 'verified'",
    'inputs.count == 2 && inputs.count in [1, 2, 3] && inputs.count + 1 > 2.5',
    "alert.image.split(':')[0].endsWith('web') && alert.raw.size > 10",
    'int(inputs.count) % 2 == 0',
  ]) {
    const result = read(rich.replace('steps.evidence.outputs.artefacts > 0 && has(alert.pod)', cel));
    expect([cel, 'problems' in result ? result.problems : []]).toEqual([cel, []]);
  }
});

test('thousands of expressions take no more than a second or two', () => {
  const labels = Array.from({ length: 6000 }, (_, index) => `l${index}: "\${{ inputs.name }}"`).join(', ');
  const began = performance.now();
  expect('ok' in read(rich.replace('why:', `${labels}, why:`))).toBe(true);
  expect(performance.now() - began).toBeLessThan(5000);
});

test('names of object prototypes are names like any other', () => {
  const text = sample
    .replace('  cluster: {', '  toString: { type: string }\n  cluster: {')
    .replace('${{ inputs.cluster }}', '${{ inputs.toString }}');
  expect('ok' in read(text)).toBe(true);
  const undeclared = read(sample.replace('${{ inputs.cluster }}', '${{ inputs.valueOf }}'));
  expect('problems' in undeclared && undeclared.problems.map(({ code }) => code)).toEqual(['FB2042']);
  const action = read(sample.replace('kubernetes.collect-evidence', 'toString'));
  expect('problems' in action && action.problems.map(({ code }) => code)).toEqual(['FB2023']);
});

test('what is given is bound to what is declared', () => {
  const { playbook } = compiled(
    rich.replace(
      '  name: {',
      '  force: { type: boolean, default: true }\n  share: { type: number, default: 0.5 }\n  name: {',
    ),
  );
  expect(bindInputs(playbook, { name: 'shop' })).toEqual({
    ok: { name: 'shop', count: 2, force: true, share: 0.5 },
  });
  expect(bindInputs(playbook, { name: '', count: 0, force: false, share: 1e300 })).toEqual({
    ok: { name: '', count: 0, force: false, share: 1e300 },
  });
  const codes = (given: Record<string, Json>): unknown => {
    const result = bindInputs(playbook, given);
    return 'problems' in result ? result.problems.map(({ code, field, fix }) => [code, field, fix]) : [];
  };
  expect(codes({})).toEqual([['FB2061', 'inputs.name', 'give a value of type string']]);
  expect(codes({ name: 'x', cuont: 1 })).toEqual([['FB2062', 'inputs.cuont', 'did you mean "count"?']]);
  expect(codes({ name: 'x', toString: 1 })).toEqual([
    ['FB2062', 'inputs.toString', 'use one of: force, share, name, count'],
  ]);
  for (const wrong of [1.5, '2', 2 ** 53, null, true, [1]])
    expect(codes({ name: 'x', count: wrong })).toEqual([
      ['FB2063', 'inputs.count', 'give a value of type integer'],
    ]);
  for (const wrong of [1, null, '\ud800', 'x'.repeat(4097)])
    expect(codes({ name: wrong })).toEqual([['FB2063', 'inputs.name', 'give a value of type string']]);
});

test("the editors' schema takes what the compiler takes, and knows each action's inputs", () => {
  const schema = playbookJsonSchema(catalogue);
  const validate = new Ajv2020({ strict: false }).compile(schema);
  for (const text of [sample, rich]) expect([validate(parse(text)), validate.errors]).toEqual([true, null]);
  for (const [from, to] of [
    ['id: FB-001', 'identity: FB-001'],
    ['uses: kubernetes.collect-evidence', 'uses: kubernetes.nothing'],
    ["namespace: '${{ inputs.namespace }}'", 'namespace: Shop_1'],
    ["namespace: '${{ inputs.namespace }}'", 'namespce: shop'],
    [", namespace: '${{ inputs.namespace }}'", ''],
    ['undo: never', 'undo: always'],
    ['within: 5m', 'within: 5 minutes'],
  ] as const)
    expect([to, validate(parse(sample.replace(from, to)))]).toEqual([to, false]);
  expect(validate.schema).toBe(schema);
  expect(schema['$schema']).toBe('https://json-schema.org/draft/2020-12/schema');
});

const oddities = [
  '- ',
  '  - a',
  'a: &x 1',
  '*x',
  '? [1]',
  '---',
  '...',
  '%YAML 1.2',
  '"',
  "'",
  '|',
  '>',
  '!!binary x',
  '<<: *x',
  'steps: {}',
  'inputs: []',
  '\ttab',
  '${{',
  '}}',
  '{ a: [',
  '] }',
  '1: 2',
  '~: ~',
  'id: 0x1F',
  'version: .nan',
  '\u0000',
];
const lines = fc.constantFrom(...rich.split('\n'), ...oddities);

test('any text is compiled or has problems, with a place inside it', () => {
  const text = fc.oneof(
    fc.array(lines, { maxLength: 40 }).map((some) => some.join('\n')),
    fc
      .tuple(fc.nat(rich.length), fc.nat(20), fc.string({ unit: 'binary', maxLength: 8 }))
      .map(([at, length, put]) => rich.slice(0, at) + put + rich.slice(at + length)),
  );
  fc.assert(
    fc.property(text, (given) => {
      const result = read(given);
      if ('ok' in result) {
        expect(result.ok.digest).toBe(digest(result.ok.playbook));
        return;
      }
      expect(result.problems.length).toBeGreaterThan(0);
      const count = given.split('\n').length;
      for (const { line, column, code, fix, message } of result.problems) {
        expect(line >= 1 && line <= count && column >= 1).toBe(true);
        expect(code).toMatch(/^FB20\d\d$/);
        expect(fix !== '' && message !== '').toBe(true);
      }
    }),
    { numRuns: 1500 },
  );
});
