import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { freePort } from './ports.ts';
import { startService } from './process.ts';
import type { Temporal } from './temporal.ts';
import { mainClass, timeSkippingJars } from './time-skipping/jars.ts';

export { whyNoTimeSkipping } from './time-skipping/jars.ts';

/**
 * Starts Temporal's test server, whose clock jumps to the next timer whenever nothing else is to be done, once a client has unlocked it
 * (`connection.testService`). Its clock is one for all workflows: run one at a time. It has only the namespace `default`, and state in memory.
 * @throws with the end of its log, when it does not come up
 */
export async function startTimeSkipping(): Promise<Omit<Temporal, 'start'>> {
  const jars = await timeSkippingJars();
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-time-skipping-'));
  const logFile = join(dir, 'time-skipping.log');
  const address = `127.0.0.1:${await freePort()}`;
  const port = address.slice(address.indexOf(':') + 1);
  const server = await startService({
    name: 'time-skipping Temporal',
    command: 'java',
    args: ['-cp', join(jars, '*'), mainClass, port],
    logFile,
    ready: async () => {
      const connection = await Connection.connect({ address, connectTimeout: '1s' });
      await connection.close();
      return true;
    },
  });
  return {
    address,
    namespace: 'default',
    logFile,
    pid: server.pid,
    async stop() {
      await server.stop(0);
      await rm(dir, { recursive: true, force: true });
    },
  };
}
