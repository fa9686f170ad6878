import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { renderTested } from '../../../cli/render/scenarios.ts';
import { testPlaybooks, type ScenarioResult } from '../../../cli/scenario/suite.ts';
import { firebreak } from '../../support/cli.ts';

/** The runner must say no: each scenario here is wrong in one way, and the one it is made from is right. */
const library = fileURLToPath(new URL('../../../playbooks', import.meta.url));
let dir: string;
let folder: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'firebreak-scenarios-'));
  folder = join(dir, 'FB-001');
  await mkdir(join(folder, 'scenarios'), { recursive: true });
  await cp(join(library, 'FB-001-quarantine-namespace/playbook.yaml'), join(folder, 'playbook.yaml'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const right = `name: Approved
given:
  inputs: { cluster: prod, namespace: shop }
  decisions: { quarantine: approved by ada }
  results:
    quarantine: { verdict: verified, outputs: { removedPolicies: 0, freeze: f, policy: p, kit: k } }
    evidence: { status: failed, why: the store is full }
expect:
  outcome: failed
  asked:
    - quarantine: { from: [responders], count: 1 }
  steps:
    - quarantine: { status: held, with: { namespace: shop } }
    - evidence: { status: failed, why: store }
  holding: [quarantine]
`;

let count = 0;
async function run(text: string): Promise<ScenarioResult> {
  count += 1;
  const file = join(folder, 'scenarios', `s${count}.yaml`);
  await writeFile(file, text);
  const tested = await testPlaybooks([file]);
  await rm(file);
  const [result] = tested.playbooks.flatMap(({ scenarios }) => scenarios);
  if (result === undefined) throw new Error('nothing was played');
  expect(tested.ok).toBe(result.ok);
  return result;
}

/** Line of a text in a scenario. */
const lineOf = (text: string, part: string): number => text.slice(0, text.indexOf(part)).split('\n').length;

test('what is as expected passes', async () => {
  expect(await run(right)).toMatchObject({ ok: true, problems: [], differences: [] });
});

test.each([
  ['another outcome', 'outcome: failed', 'outcome: completed', 'outcome'],
  ['another status', 'status: held', 'status: done', 'steps'],
  ['another reason', 'why: store }\n  holding', 'why: disk }\n  holding', 'steps'],
  ['another input', '{ namespace: shop } }', '{ namespace: cart } }', 'steps'],
  ['a step too few', '    - quarantine: { status: held, with: { namespace: shop } }\n', '', 'steps'],
  ['a step too many', '  holding', '    - evidence: done\n  holding', 'steps'],
  ['no question', '    - quarantine: { from: [responders], count: 1 }', '    []', 'asked'],
  ['other people', 'from: [responders]', 'from: [leads]', 'asked'],
  ['more people', 'count: 1', 'count: 2', 'asked'],
  ['nothing held', 'holding: [quarantine]', 'holding: []', 'holding'],
  ['outputs that there are not', 'holding: [quarantine]', 'outputs: { a: 1 }', 'outputs'],
])('an expectation is refused: %s', async (_, from, to, of) => {
  expect(right).toContain(from);
  const result = await run(right.replace(from, to));
  expect(result.ok).toBe(false);
  expect(result.problems).toEqual([]);
  expect(result.differences.map((difference) => difference.of)).toEqual([of]);
});

test("steps in another order differ, and '...' stands for any", async () => {
  const [quarantine, evidence] = [
    '    - quarantine: { status: held, with: { namespace: shop } }\n',
    '    - evidence: { status: failed, why: store }\n',
  ];
  const swapped = right.replace(quarantine + evidence, evidence + quarantine);
  expect((await run(swapped)).differences.map(({ of }) => of)).toEqual(['steps']);
  expect((await run(right.replace(quarantine, "    - '...'\n"))).ok).toBe(true);
  expect((await run(right.replace(quarantine, `${quarantine}    - '...'\n`))).ok).toBe(true);
});

test.each([
  ['an unknown key', 'inputs:', 'input:', 'FB6120', 'input:'],
  ['no outcome', '  outcome: failed\n', '', 'FB6120', 'asked:'],
  ['an unknown outcome', 'outcome: failed', 'outcome: fine', 'FB6120', 'fine'],
  [
    'a step that there is not',
    'evidence: { status: failed, why: the',
    'evidenc: { status: failed, why: the',
    'FB6121',
    'evidenc:',
  ],
  ['an expected step that there is not', '- evidence:', '- evidenc:', 'FB6121', 'evidenc:'],
  [
    'outputs that the action cannot yield',
    'removedPolicies: 0',
    'removedPolicies: none',
    'FB6122',
    'outputs:',
  ],
  ['outputs that lack one', ', kit: k', '', 'FB6122', 'outputs:'],
  ['an input of another type', 'namespace: shop }', 'namespace: 5 }', 'FB6122', 'namespace: 5'],
  ['too few voices', 'approved by ada', 'approved by ada and grace', 'FB6122', 'quarantine: approved'],
  ['the requester’s voice', 'approved by ada', 'approved by requester', 'FB6122', 'quarantine: approved'],
  ['an answer too late', 'approved by ada', 'approved by ada after 10m', 'FB6122', 'quarantine: approved'],
  ['no decision', '  decisions: { quarantine: approved by ada }\n', '', 'FB6123', 'inputs:'],
  ['no result', '    evidence: { status: failed, why: the store is full }\n', '', 'FB6123', 'results:'],
  [
    'a result of a step that never ran',
    'approved by ada',
    'denied by ada',
    'FB6124',
    'quarantine: { verdict',
  ],
])('a scenario is refused at its place: %s', async (_, from, to, code, at) => {
  expect(right).toContain(from);
  const text = right.replace(from, to);
  const result = await run(text);
  expect(result.ok).toBe(false);
  const [problem] = result.problems;
  expect(problem).toMatchObject({
    code,
    line: lineOf(text, at),
    message: expect.any(String),
    fix: expect.stringMatching(/\w/),
  });
});

/** Nobody approves, so that nothing runs. */
const denied = right
  .replace('approved by ada', 'denied by ada')
  .replace(/ {2}results:[^]*?(?=expect:)/, '')
  .replace('outcome: failed', 'outcome: denied')
  .replace(/ {4}- quarantine: \{ status[^]*$/, '    - quarantine: denied\n    - evidence: skipped\n');

test('a cancel stops what runs, and is refused where nothing runs', async () => {
  expect((await run(denied)).ok).toBe(true);
  const never = denied.replace('expect:', '  cancel: { at: evidence }\nexpect:');
  expect((await run(never)).problems).toMatchObject([
    { code: 'FB6124', field: 'given.cancel.at', line: lineOf(never, '  cancel') },
  ]);
  const asked = denied
    .replace('denied by ada', 'denied by ada after 2m')
    .replace('expect:', '  cancel: { at: quarantine, why: enough }\nexpect:')
    .replace('outcome: denied', 'outcome: cancelled')
    .replace(
      /    - quarantine: denied[^]*/,
      '    - evidence: { status: skipped, why: enough }\n    - quarantine: { status: cancelled, why: enough }\n',
    );
  expect(await run(asked)).toMatchObject({ ok: true, got: { virtualMs: 0 } });
});

test('a refusal of the guardrails comes before anybody is asked', async () => {
  const text = denied
    .replace(/ {2}decisions.*\n/, '  results: { quarantine: { status: refused, why: protected } }\n')
    .replace('outcome: denied', 'outcome: refused')
    .replace('    - quarantine: { from: [responders], count: 1 }', '    []')
    .replace('quarantine: denied', 'quarantine: { status: refused, why: protected }');
  expect(await run(text)).toMatchObject({ ok: true });
});

test('a simulation asks nobody, needs no result, and takes none', async () => {
  const text = denied
    .replace(/ {2}decisions.*\n/, '  mode: simulate\n')
    .replace('outcome: denied', 'outcome: simulated')
    .replace('    - quarantine: { from: [responders], count: 1 }', '    []')
    .replace(
      'quarantine: denied\n    - evidence: skipped',
      'quarantine: simulated\n    - evidence: simulated',
    );
  expect(await run(text)).toMatchObject({ ok: true });
  const recorded = text.replace('expect:', '  results: { evidence: { status: failed } }\nexpect:');
  expect((await run(recorded)).problems).toMatchObject([{ code: 'FB6124' }]);
});

test('a missing result names the step and what to add', async () => {
  const result = await run(right.replace('    evidence: { status: failed, why: the store is full }\n', ''));
  expect(result.problems[0]?.message).toContain('evidence runs kubernetes.collect-evidence');
  expect(result.problems[0]?.fix).toMatch(/evidence: \{ verdict: verified, outputs: \{"artefacts":0,/);
});

test('a silence takes its whole time, and none of ours', async () => {
  const text = right
    .replace('approved by ada', 'expired')
    .replace(/ {2}results:[^]*?(?=expect:)/, '')
    .replace('outcome: failed', 'outcome: expired')
    .replace(/ {4}- quarantine: \{ status[^]*$/, '    - quarantine: denied\n    - evidence: skipped\n');
  const began = performance.now();
  const result = await run(text);
  expect(
    renderTested({
      ok: true,
      passed: 1,
      failed: 0,
      playbooks: [{ playbook: 'FB-001', file: 'p', scenarios: [result] }],
    }),
  ).toContain('✓');
  // Five minutes, and five more for the escalation.
  expect(result.got?.virtualMs).toBe(600_000);
  expect((await run(text.replace('outcome:', 'within: 10m\n  outcome:'))).ok).toBe(true);
  const late = await run(text.replace('outcome:', 'within: 9m\n  outcome:'));
  expect(late.differences.map(({ of }) => of)).toEqual(['within']);
  expect(performance.now() - began).toBeLessThan(5_000);
});

test('no text of a file crashes the runner', async () => {
  for (const text of [
    '',
    '- a',
    'name: [',
    'a: *b',
    'given: {}',
    '"',
    'name: x\ngiven: { results: { __proto__: 1 } }\nexpect: 3',
  ])
    expect((await run(text)).problems.length).toBeGreaterThan(0);
});

test('the command ends with 1 and a diff, with 0 when all is well, with 2 when there is nothing to play', async () => {
  const file = join(folder, 'scenarios/command.yaml');
  const empty = await firebreak(['playbook', 'test', folder]);
  expect(empty).toMatchObject({ code: 2, stdout: '' });
  expect(empty.stderr).toContain('there is no scenario');
  await writeFile(file, right);
  expect(await firebreak(['playbook', 'test', folder])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/✓ Approved[^]*1 passed, 0 failed/),
  });
  await writeFile(file, right.replace('status: held', 'status: done'));
  const failed = await firebreak(['playbook', 'test', folder]);
  expect(failed.code).toBe(1);
  expect(failed.stdout).toMatch(/- quarantine: \{"status":"done"[^]*\+ quarantine: held/);
  const json = await firebreak(['playbook', 'test', folder, '--json']);
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, failed: 1 });
  await rm(file);
});
