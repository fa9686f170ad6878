import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { compare } from '../../../cli/diff/compare.ts';
import { svg } from '../../../cli/graph/dot.ts';
import { mermaid } from '../../../cli/graph/mermaid.ts';
import { graphOf } from '../../../cli/graph/model.ts';
import { walkPlan } from '../../../cli/plan/walk.ts';
import { digest } from '../../../domain/json.ts';
import type { CompiledPlaybook, Playbook, Step } from '../../../language/run/playbook.ts';
import { commitOf, git } from '../../../worker/git.ts';
import { firebreak } from '../../support/cli.ts';

const hostile = 'a"]; end\n<script>x</script> `b` #quot; \\N &lt; ]] }} | click n1';
const approve = { from: ['responders'], count: 2, withinMs: 300_000, otherwise: 'deny' as const };
const timing = { planMs: 1, applyMs: 1, verifyMs: 1, undoMs: 1, heartbeatMs: 1, attempts: 1 };

function gate(change: object = {}): Step {
  return {
    kind: 'approve',
    id: 'go',
    needs: [],
    question: { literal: hostile },
    approve: { ...approve, ...change },
  };
}

function each(maxItems: number, items: string[] = ['a', 'b']): Step {
  const deny: Step = {
    kind: 'action',
    id: 'deny',
    uses: 'k.q',
    needs: [],
    undo: 'never',
    with: { map: { name: { cel: 'item' } } },
  };
  return {
    kind: 'foreach',
    id: 'each',
    needs: ['go'],
    items: { literal: items },
    maxItems,
    maxParallel: 1,
    outputs: {},
    steps: [deny],
  };
}

function playbook(steps: Step[]): Playbook {
  const quarantine = { name: 'k.q', effect: 'contain' as const, holds: true, timing, input: {}, outputs: {} };
  return {
    schema: 'firebreak/playbook/v1',
    id: 'FB-900',
    name: hostile,
    version: 1,
    description: '',
    inputs: {},
    steps,
    actions: { 'k.q': quarantine },
  };
}

function compiled(steps: Step[]): CompiledPlaybook {
  const made = playbook(steps);
  return { playbook: made, digest: digest(made), file: 'playbook.yaml' };
}

const differences = (before: Step[], after: Step[]) => compare(compiled(before), compiled(after), () => []);

test('no text of a playbook is syntax of Mermaid: only ids, quoted plain characters and entity codes', () => {
  const lines = mermaid(graphOf(playbook([gate(), each(5)])))
    .trimEnd()
    .split('\n');
  const text = String.raw`"(?:[\p{L}\p{N}\p{M} ,:_\-/]|#\d+;|<br/>)*"`;
  const allowed = new RegExp(
    String.raw`^(?:flowchart TD|\s*%% [\p{L}\p{N} ._?-]*|\s*n\d+(?:\[${text}\]|\{\{${text}\}\}):::\w+|\s*subgraph b\d+ \[${text}\]|\s*end|\s*n\d+ (?:-->|-\.->|-\. on failure \.->) n\d+|\s*classDef [\w :,#-]+)$`,
    'u',
  );
  expect(lines.filter((line) => !allowed.test(line))).toEqual([]);
  expect(lines.filter((line) => /subgraph/.test(line))).toHaveLength(2);
  expect(lines.join('\n')).toContain('approval: 2 of responders within 5m, otherwise deny');
});

test('the SVG holds the text and none of its markup', async () => {
  const picture = await svg(graphOf(playbook([gate(), each(5)])));
  expect(picture).toContain('&lt;script&gt;x&lt;/script&gt;');
  expect(picture).not.toContain('<script');
  expect(picture).toContain('\\N &amp;lt;');
});

test('what asks or limits less is weakened; what asks more is a change', () => {
  expect(differences([gate(), each(5)], [gate(), each(5)])).toEqual([]);
  expect(differences([gate()], [gate({ count: 1 })])).toEqual([
    expect.objectContaining({
      where: 'step go',
      field: 'approve',
      weakened: 'fewer persons must approve: 1, not 2',
    }),
  ]);
  expect(differences([gate()], [gate({ from: ['responders', 'all'] })])[0]?.weakened).toContain(
    'another group may approve: all',
  );
  const [stronger] = differences([gate()], [gate({ count: 3 })]);
  expect(stronger).toMatchObject({ change: 'changed', field: 'approve' });
  expect(stronger).not.toHaveProperty('weakened');
  expect(differences([gate(), each(5)], [gate(), each(6)])).toEqual([
    {
      change: 'changed',
      where: 'step each',
      field: 'maxItems',
      before: 5,
      after: 6,
      weakened: 'a cap is raised',
    },
  ]);
  expect(differences([each(5)], [each(4)])[0]).not.toHaveProperty('weakened');
  expect(differences([gate(), each(5)], [each(5)])).toEqual([
    expect.objectContaining({
      change: 'removed',
      where: 'step go',
      weakened: expect.stringContaining('nobody'),
    }),
  ]);
});

test('a plan goes through each item of a known list, and refuses a list beyond its cap', async () => {
  const facts = { inputs: {}, alert: {}, incident: {} };
  const asked: unknown[] = [];
  const leaf = (_: object, address: string, wanted: unknown) => {
    asked.push([address, wanted]);
    return Promise.resolve({ action: 'k.q', effect: 'contain' as const, refusals: [] });
  };
  await walkPlan(playbook([gate(), each(5)]), facts, leaf);
  expect(asked).toEqual([
    ['each[0]/deny', { name: 'a' }],
    ['each[1]/deny', { name: 'b' }],
  ]);
  const steps = await walkPlan(playbook([each(1)]), facts, leaf);
  expect(asked).toHaveLength(2);
  expect(steps.at(-1)?.error).toContain('max-items is 1');
});

test('what a question reads of a step that has not run is not known, and the question is not skipped', async () => {
  const facts = { inputs: {}, alert: {}, incident: {} };
  const pods = { cel: 'steps.look.outputs.pods' };
  const go: Step = {
    ...gate(),
    kind: 'approve',
    question: { concat: [{ literal: 'Contain ' }, pods] },
    approve,
  };
  const [asked] = await walkPlan(playbook([go]), facts, () =>
    Promise.reject(new Error('nothing is planned')),
  );
  expect(asked).toMatchObject({ id: 'go', unknown: 'steps.look.outputs.pods' });
  expect(asked).not.toHaveProperty('skipped');
});

let dir: string;
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'firebreak-unit-'))));
afterAll(() => rm(dir, { recursive: true, force: true }));

test('a playbook begun passes lint and its test, and is never written over', async () => {
  const begin = () => firebreak(['playbook', 'new', 'FB-321', '--name', hostile, '--dir', join(dir, 'p')]);
  expect((await begin()).code).toBe(0);
  const before = await readFile(
    join(dir, 'p', 'FB-321-a-end-script-x-script-b-quot-n-lt-click-n1', 'playbook.yaml'),
    'utf8',
  );
  expect((await firebreak(['playbook', 'lint', '--strict', join(dir, 'p')])).code).toBe(0);
  expect((await firebreak(['playbook', 'test', join(dir, 'p')])).code).toBe(0);
  expect((await begin()).code).toBe(2);
  const other = await firebreak(['playbook', 'new', 'FB-321', '--name', 'Other', '--dir', join(dir, 'p')]);
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('choose another id') as unknown });
  expect(await readdir(join(dir, 'p'))).toHaveLength(1);
  expect(before).toContain('FB-321');
}, 60_000);

test('the commit of a file, and whether it differs from it; nothing outside a repository', async () => {
  const file = join(dir, 'one.yaml');
  await writeFile(file, 'a');
  expect(await commitOf(file)).toBeUndefined();
  execFileSync('git', ['init', '-q', dir]);
  expect(await commitOf(file)).toBeUndefined();
  await git(dir, ['add', 'one.yaml']);
  await git(dir, ['-c', 'user.name=t', '-c', 'user.email=t@example.org', 'commit', '-q', '-m', 'one']);
  expect(await commitOf(file)).toEqual({ id: expect.stringMatching(/^[0-9a-f]{40}$/), modified: false });
  await writeFile(file, 'b');
  expect(await commitOf(file)).toMatchObject({ modified: true });
});
