/** The entry of a child process: runs one verb of a rollback, and asks its parent at every boundary whether it may go on. Ends with its parent. */
import { readFileSync, writeFileSync } from 'node:fs';
import { clusterRegistry, createCluster } from '../../activities/kubernetes/client.ts';
import { rollbackWorkload } from '../../activities/kubernetes/rollback-workload.ts';
import type { RollbackInput } from '../../activities/kubernetes/rollback/contract.ts';
import type { Mandate } from '../../domain/action.ts';
import { openEvidence } from '../../stores/evidence.ts';
import { contextOf, type Intents } from './action-context.ts';
import { Assessor } from './rollback-house.ts';

export interface RollbackRun {
  verb: 'apply' | 'undo';
  kubeconfig: string;
  evidenceDir: string;
  /** Where intents outlive the process. */
  intentsFile: string;
  mandate: Mandate<RollbackInput>;
}

export type RollbackSays = { at: string } | { done: true } | { failed: string };

function tell(said: RollbackSays): void {
  process.send?.(said);
}

async function run({ verb, kubeconfig, evidenceDir, intentsFile, mandate }: RollbackRun): Promise<void> {
  const intents: Intents = new Map(JSON.parse(readFileSync(intentsFile, 'utf8')));
  const atBoundary = async (name: string) => {
    if (name.startsWith('intended ')) writeFileSync(intentsFile, JSON.stringify([...intents]));
    await new Promise<void>((resolve) => {
      process.once('message', () => resolve());
      tell({ at: name });
    });
  };
  const cluster = createCluster({ name: 'shop-1', environment: 'staging', kubeconfig });
  const evidence = await openEvidence(evidenceDir, { maxTotalBytes: 1e9, maxArtefactBytes: 1e8 });
  const action = rollbackWorkload({ clusters: clusterRegistry([cluster]), images: new Assessor() });
  await action[verb](contextOf(evidence, { atBoundary, intents }), mandate);
  tell({ done: true });
}

process.on('disconnect', () => process.exit(1));
process.once('message', (message: RollbackRun) => {
  run(message).catch((error: unknown) => tell({ failed: String(error) }));
});
