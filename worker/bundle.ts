import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type Logger, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { sha256, type Digest } from '../domain/json.ts';

/** The workflow code as one script, and what identifies it. */
export interface WorkflowBundle {
  code: WorkflowBundleWithSourceMap;
  digest: Digest;
}

const quiet = () => undefined;
const silent: Logger = { log: quiet, trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet };

/** Bundles `workflows/`. Takes seconds: once a process. */
export async function bundleWorkflows(): Promise<WorkflowBundle> {
  const code = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
    workflowInterceptorModules: ['clock', 'anchor'].map((name) =>
      fileURLToPath(new URL(`../workflows/${name}.ts`, import.meta.url)),
    ),
    logger: silent,
  });
  return { code, digest: sha256(code.code) };
}
