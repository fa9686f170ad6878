import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { renderTested } from '../../../cli/render/scenarios.ts';
import { testPlaybooks, type Tested } from '../../../cli/scenario/suite.ts';
import { walkSteps } from '../../../language/run/playbook.ts';
import { catalogue } from '../../../worker/catalogue.ts';
import { loadPlaybooks, playbookFiles } from '../../../worker/playbooks.ts';

/** The library that is shipped: every playbook sound, every scenario as its file says. */
const dir = fileURLToPath(new URL('../../../playbooks', import.meta.url));
const files = await playbookFiles(dir);
const loaded = await loadPlaybooks(dir, catalogue().signatures);
let tested: Tested;
beforeAll(async () => {
  tested = await testPlaybooks([dir]);
});

test('every playbook compiles, without a warning', () => {
  expect([...loaded.problems, ...loaded.warnings]).toEqual([]);
  expect([...loaded.playbooks.keys()]).toEqual(
    expect.arrayContaining(
      Array.from({ length: 12 }, (_, index) => `FB-${String(index + 1).padStart(3, '0')}`),
    ),
  );
});

test('every scenario comes out as its file says', () => {
  expect(tested.ok ? '' : renderTested(tested)).toBe('');
  expect(tested.passed).toBeGreaterThanOrEqual(3 * files.length);
});

describe.each(files)('%s', (file) => {
  const scenarios = () => tested.playbooks.find((one) => one.file === file)?.scenarios ?? [];

  test('has a good end, a refusal of people and a failure among its scenarios', () => {
    const outcomes = new Set(scenarios().map(({ got }) => got?.outcome));
    expect(outcomes.has('completed')).toBe(true);
    expect(outcomes.has('denied') || outcomes.has('expired')).toBe(true);
    const endings = scenarios().flatMap(({ got }) => got?.steps.map(({ status }) => status) ?? []);
    expect(endings).toContain('failed');
  });

  test('says on its page what each input is, what it does, and what it does not cover', async () => {
    const page = await readFile(join(dirname(file), 'README.md'), 'utf8');
    expect(page).toMatch(/^## What it does$/m);
    expect(page).toMatch(/^## What it does not cover$/m);
    const playbook = [...loaded.playbooks.values()].find((one) => one.file === file)?.playbook;
    expect(playbook).toBeDefined();
    for (const input of Object.keys(playbook?.inputs ?? {})) expect(page).toContain(`| \`${input}\``);
    expect(existsSync(join(dirname(file), 'scenarios'))).toBe(true);
  });

  test('lets no failure release a containment, and asks people for each', () => {
    const playbook = [...loaded.playbooks.values()].find((one) => one.file === file)?.playbook;
    for (const { step } of playbook === undefined ? [] : walkSteps(playbook)) {
      if (step.kind !== 'action') continue;
      const { effect, undoApproval } = playbook?.actions[step.uses] ?? {};
      if (effect === 'read') continue;
      expect(step).toMatchObject({ approve: { from: ['responders'] } });
      const allowed =
        effect === 'reversible' ? ['never', undoApproval === 'own' ? 'ask' : 'on-failure'] : ['never'];
      expect([step.id, allowed]).toEqual([step.id, expect.arrayContaining([step.undo])]);
    }
  });
});
