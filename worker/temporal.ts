import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { reconnectQuickly } from '../gateway/temporal.ts';
import { startTemporal } from '../testbed/temporal.ts';
import { readSecret, type Configuration } from './config/load.ts';

export interface TemporalAccess {
  address: string;
  /** Of a Temporal that was started here. */
  ui?: string;
  /** On a lazy connection: the gateway starts, and answers 503, while Temporal is down. */
  client: Client;
  /** The worker's connection. Rejects while Temporal is down. */
  connect(): Promise<NativeConnection>;
  close(): Promise<void>;
}

/** The configured Temporal, or one that is started beside the worker with its database in the state directory. */
export async function openTemporal(configuration: Configuration): Promise<TemporalAccess> {
  const { apiKey, namespace, tls } = configuration.temporal;
  const key = apiKey === undefined ? {} : { apiKey: await readSecret('temporal.apiKey', apiKey) };
  const own =
    configuration.temporal.address === undefined
      ? await startTemporal({ dbFilename: join(configuration.state, 'temporal.db'), namespace, ui: true })
      : undefined;
  const address = configuration.temporal.address ?? own?.address ?? '';
  const options = { address, ...(tls ? { tls: true } : {}), ...key };
  const connection = Connection.lazy({ ...options, connectTimeout: '5s', ...reconnectQuickly });
  return {
    address,
    ...(own?.uiAddress === undefined ? {} : { ui: own.uiAddress }),
    client: new Client({ connection, namespace }),
    connect: () => NativeConnection.connect(options),
    async close() {
      await connection.close();
      await own?.stop();
    },
  };
}
