import { expect, test } from '@jest/globals';
import type { ActionSignature } from '../../../domain/action.ts';
import type { Json, JsonObject } from '../../../domain/json.ts';
import { playbookPage } from '../../../cli/docs/playbook.ts';
import { walkPlan } from '../../../cli/plan/walk.ts';
import { compilePlaybook, libraryOf } from '../../../language/compile/compile.ts';
import type { CompiledPlaybook } from '../../../language/run/playbook.ts';

/** A secret that is left out: the plan and the page of a playbook say so. */
const login: ActionSignature = {
  name: 'test.login',
  effect: 'read',
  timing: { planMs: 1, applyMs: 1, verifyMs: 1, undoMs: 1, heartbeatMs: 1, attempts: 1 },
  holds: false,
  input: {
    type: 'object',
    properties: { user: { type: 'string' }, token: { type: 'string', 'x-secret': true } },
    additionalProperties: false,
  },
  outputs: { type: 'object', properties: {}, additionalProperties: false },
};
const head = (id: string): string => `id: ${id}
name: Test
version: 1
description: For tests.
inputs: { token: { type: secret, optional: true }, user: { type: string, default: ada } }
steps:
`;
const child = `${head('C-1')}  - { id: inner, uses: test.login, with: { token: '\${{ inputs.token }}' } }
  - { id: proven, if: has(inputs.token), uses: test.login }
`;
const parent = `${head('P-1')}  - { id: first, uses: test.login, with: { user: '\${{ inputs.user }}', token: '\${{ inputs.token }}' } }
  - { id: below, playbook: C-1, with: { token: '\${{ inputs.token }}' } }
`;

function compiled(): CompiledPlaybook {
  const library = libraryOf([{ file: 'child.yaml', text: child }]);
  const result = compilePlaybook({ file: 'p.yaml', text: parent }, [login], library);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.ok;
}

async function planned(inputs: JsonObject): Promise<{ wanted: [string, Json][]; skipped: string[] }> {
  const wanted: [string, Json][] = [];
  const steps = await walkPlan(
    compiled().playbook,
    { inputs, alert: {}, incident: {} },
    (_, address, input) => {
      wanted.push([address, input]);
      return Promise.resolve({ summary: '', changes: [], notCovered: [], guards: [] } as never);
    },
  );
  expect(steps.flatMap(({ error, unknown }) => error ?? unknown ?? [])).toEqual([]);
  return { wanted, skipped: steps.filter(({ skipped }) => skipped !== undefined).map(({ id }) => id) };
}

test('a plan leaves it out, in the playbook and below it', async () => {
  expect(await planned({ user: 'ada' })).toEqual({
    wanted: [
      ['first', { user: 'ada' }],
      ['below/inner', {}],
    ],
    skipped: ['below/proven'],
  });
  expect(await planned({ user: 'ada', token: 'vault/a' })).toEqual({
    wanted: [
      ['first', { user: 'ada', token: 'vault/a' }],
      ['below/inner', { token: 'vault/a' }],
      ['below/proven', {}],
    ],
    skipped: [],
  });
});

test('the page says that it may be left out', () => {
  const page = playbookPage(compiled(), []);
  expect(page).toMatch(/`token` +\| `secret, optional` +\| +\|/);
  expect(page).toMatch(/`user` +\| `string` +\| `"ada"` +\|/);
});
