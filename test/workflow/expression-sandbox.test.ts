import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import { DefaultLogger, bundleWorkflowCode } from '@temporalio/worker';

/** Bundles a workflow module that evaluates playbooks' expressions, and says what the bundler complained of. */
async function bundle(extra: string): Promise<{ code: string; complaints: string[] }> {
  // Beside the project's own files, so that packages are found as the real workflow finds them.
  const folder = await mkdtemp(fileURLToPath(new URL('../../.expression-sandbox-', import.meta.url)));
  const complaints: string[] = [];
  const logger = new DefaultLogger('WARN', ({ message }) => complaints.push(message));
  try {
    const file = join(folder, 'workflow.ts');
    await writeFile(
      file,
      `${extra}
import { evaluate } from '../language/run/expression.ts';
export async function answer(): Promise<unknown> {
  const alert = { fields: { constructor: 'x' } };
  return evaluate({ cel: 'alert.fields.map(k, k + "!")' }, { inputs: {}, alert, incident: {}, steps: {} });
}
`,
    );
    const { code } = await bundleWorkflowCode({ workflowsPath: file, logger });
    return { code, complaints };
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("the evaluator is fit for a workflow's sandbox, and small", async () => {
  const { code, complaints } = await bundle('');
  expect(complaints).toEqual([]);
  expect(code).toContain('CelNamespace');
  expect(code).not.toMatch(/zod|Levenshtein|ajv/);
  // The source map in it is about two thirds; the base without the evaluator is 1.5 MB.
  expect(code.length).toBeLessThan(3_000_000);
});

test('the evaluator needs none of Node', async () => {
  const { code } = await bundle('');
  // What the bundle expects of Temporal's sandbox, which has neither Buffer nor process nor timers of Node's own.
  const globals = {
    TextEncoder,
    TextDecoder,
    URL,
    URLSearchParams,
    AsyncLocalStorage,
    assert: () => undefined,
  };
  const sandbox = createContext({ ...globals, __webpack_module_cache__: {} });
  runInContext(code, sandbox);
  const answer: unknown = await runInContext('__TEMPORAL__.importWorkflows().answer()', sandbox);
  expect(JSON.stringify(answer)).toBe('["constructor!"]');
});

test('the bundler does refuse a module that a workflow may not have', async () => {
  const bundling = bundle("import { readFileSync } from 'node:fs';\nexport const read = readFileSync;\n");
  await expect(bundling).rejects.toThrow('Webpack finished with errors');
});
