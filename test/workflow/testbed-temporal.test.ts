import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { startTemporal } from '../../testbed/temporal.ts';
import type { Temporal } from '../../testbed/temporal.ts';

let dir: string;
let temporal: Temporal;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'firebreak-test-'));
  temporal = await startTemporal({
    dir,
    dbFilename: join(dir, 'temporal.db'),
    namespace: 'firebreak',
    searchAttributes: { TestbedTarget: 'Keyword' },
    ui: true,
  });
}, 60_000);

afterAll(async () => {
  await temporal.stop();
  await rm(dir, { recursive: true });
});

async function withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: temporal.address, connectTimeout: '2s' });
  try {
    return await work(new Client({ connection, namespace: temporal.namespace }));
  } finally {
    await connection.close();
  }
}

const start = (workflowId: string, attribute: string): Promise<unknown> =>
  withClient((client) =>
    client.workflow.start('any', {
      workflowId,
      taskQueue: 'nobody',
      searchAttributes: { [attribute]: ['a'] },
    }),
  );

test('it takes a workflow with a registered search attribute at once, refuses an unknown one, and serves the UI', async () => {
  await start('first', 'TestbedTarget');
  await expect(start('second', 'Unknown')).rejects.toMatchObject({
    cause: { message: expect.stringContaining('Unknown') },
  });
  expect((await fetch(temporal.uiAddress ?? '')).status).toBe(200);
});

test('it goes down and comes back at the same address with what it knew', async () => {
  const { pid, address } = temporal;
  await temporal.stop();
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  await expect(withClient(async () => undefined)).rejects.toThrow();
  await temporal.start();
  expect(temporal.address).toBe(address);
  expect(temporal.pid).not.toBe(pid);
  const described = await withClient((client) => client.workflow.getHandle('first').describe());
  expect(described.status.name).toBe('RUNNING');
});
