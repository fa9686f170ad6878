import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { FirebreakError } from '../domain/errors.ts';
import { startTemporal } from '../testbed/temporal.ts';
import { readSecret, type Configuration } from './config/load.ts';

export interface TemporalConnections {
  address: string;
  ui?: string;
  client: Client;
  native: NativeConnection;
  close(): Promise<void>;
}

/** Connects to the configured Temporal, or starts one beside the worker whose database lies in the state directory. */
export async function connectTemporal(configuration: Configuration): Promise<TemporalConnections> {
  const { apiKey, namespace, tls } = configuration.temporal;
  const own =
    configuration.temporal.address === undefined
      ? await startTemporal({ dbFilename: join(configuration.state, 'temporal.db'), namespace, ui: true })
      : undefined;
  const address = configuration.temporal.address ?? own?.address ?? '';
  const options = {
    address,
    ...(tls ? { tls: true } : {}),
    ...(apiKey === undefined ? {} : { apiKey: await readSecret('temporal.apiKey', apiKey) }),
  };
  try {
    const native = await NativeConnection.connect(options);
    // The gateway's: it starts, and answers 503, while Temporal is down.
    const connection = Connection.lazy({ ...options, connectTimeout: '5s' });
    return {
      address,
      ...(own?.uiAddress === undefined ? {} : { ui: own.uiAddress }),
      client: new Client({ connection, namespace }),
      native,
      async close() {
        await connection.close();
        await native.close();
        await own?.stop();
      },
    };
  } catch (error) {
    await own?.stop();
    throw new FirebreakError('FB6006', `temporal.address: ${address} cannot be reached`, {}, error);
  }
}

/** Reads a text file. @throws FirebreakError FB6005 naming the field */
export async function readText(field: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new FirebreakError('FB6005', `${field}: ${file} cannot be read (${code ?? 'unknown error'})`);
  }
}
