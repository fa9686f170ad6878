/** The entry of a child process: a worker that asks its parent at every boundary whether it may go on. Ends with its parent. */
import { readFile } from 'node:fs/promises';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime } from '@temporalio/worker';
import type { Action } from '../../domain/action.ts';
import type { Digest } from '../../domain/json.ts';
import type { PersonGroups } from './crash.ts';
import { openState } from '../../stores/index.ts';
import type { Configuration } from '../../worker/config/load.ts';
import type { Boundary } from '../../worker/verbs.ts';
import { createWorker } from '../../worker/worker.ts';
import { houseOf } from './house.ts';
import { loopbackActions } from './loopback-world.ts';

export interface WorkerSettings {
  address: string;
  taskQueue: string;
  stateDir: string;
  /** The workflow bundle as JSON, so that only the parent bundles. */
  bundleFile: string;
  bundleDigest: Digest;
  people: PersonGroups;
  world:
    | { kind: 'loopback'; url: string }
    | ({ kind: 'kubernetes' } & Pick<Configuration, 'clusters' | 'responderGroup'>);
}

export type FromParent = { type: 'settings'; settings: WorkerSettings } | { type: 'go'; id: number };
export type FromChild = { type: 'ready' } | { type: 'at'; id: number; at: Boundary };

const waiting = new Map<number, () => void>();
let asked = 0;

const tell = (message: FromChild): void => {
  process.send?.(message);
};

function atBoundary(at: Boundary): Promise<void> {
  const id = ++asked;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    tell({ type: 'at', id, at });
  });
}

async function actionsOf(world: WorkerSettings['world']): Promise<readonly Action[]> {
  if (world.kind === 'loopback') return loopbackActions(world.url);
  const { catalogue } = await import('../../worker/catalogue.ts');
  return catalogue(world).actions;
}

async function work(settings: WorkerSettings): Promise<void> {
  const { address, bundleDigest, bundleFile, people, stateDir, taskQueue, world } = settings;
  Runtime.install({ shutdownSignals: [] });
  const client = new Client({ connection: await Connection.connect({ address }) });
  const worker = await createWorker({
    connection: await NativeConnection.connect({ address }),
    client,
    namespace: 'default',
    taskQueue,
    bundle: { code: JSON.parse(await readFile(bundleFile, 'utf8')), digest: bundleDigest },
    actions: await actionsOf(world),
    state: await openState(stateDir, {
      maxTotalBytes: 1e9,
      maxArtefactBytes: 1e8,
      maxRefusalsPerMinute: 1000,
    }),
    slack: { client: null },
    house: houseOf((id) => people[id]),
    atBoundary,
  });
  const running = worker.run();
  tell({ type: 'ready' });
  await running;
}

process.on('disconnect', () => process.exit(1));
process.on('message', (message: FromParent) => {
  switch (message.type) {
    case 'settings':
      work(message.settings).catch((error: unknown) => {
        console.error(error);
        process.exit(1);
      });
      return;
    case 'go':
      waiting.get(message.id)?.();
      waiting.delete(message.id);
  }
});
