import {
  DeleteFunctionConcurrencyCommand,
  DeleteProvisionedConcurrencyConfigCommand,
  GetFunctionConcurrencyCommand,
  GetProvisionedConcurrencyConfigCommand,
  paginateListProvisionedConcurrencyConfigs,
  PutFunctionConcurrencyCommand,
  PutProvisionedConcurrencyConfigCommand,
} from '@aws-sdk/client-lambda';
import type { Item } from '../containment/items.ts';
import type { Place } from '../containment/principal.ts';
import { isAwsError } from '../errors.ts';
import type { LambdaFunction } from './function.ts';

export const apiVersion = 'lambda.amazonaws.com/2015-03-31';

/** Whether we set the item of this key: what is set bears no mark of ours. */
export type SetByUs = (key: string) => boolean;

export const reservedKey = 'reserved concurrency';
const provisionedPrefix = 'provisioned concurrency of ';

const same = (one: unknown, other: unknown) => one === other;

/** How many invocations may run at once, of every version and alias; 0 throttles each of them. As text, null where none is reserved. */
export function reservedConcurrency(place: Place, { name }: LambdaFunction, setByUs: SetByUs): Item {
  const { lambda } = place.account.clients(place.incident);
  const options = { abortSignal: place.signal };
  const put = async (ReservedConcurrentExecutions: number) => {
    await lambda.send(
      new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions }),
      options,
    );
  };
  return {
    key: reservedKey,
    object: { apiVersion, kind: 'FunctionConcurrency', name },
    summary: 'reserves no concurrency: every new invocation is throttled, of all versions and aliases',
    marked: false,
    async read() {
      const found = await lambda.send(new GetFunctionConcurrencyCommand({ FunctionName: name }), options);
      const { ReservedConcurrentExecutions: reserved } = found;
      return reserved === undefined || reserved === null ? null : String(reserved);
    },
    stands: (state) => state === '0',
    ours: (state) => state === '0' && setByUs(reservedKey),
    same,
    set: () => put(0),
    async restore(base) {
      if (base !== null) await put(Number(base));
      else await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName: name }), options);
    },
  };
}

/**
 * Environments that are kept warm for a version or alias. There may be no more of them than are reserved, so they go before the reservation is set to 0.
 * As text, null where there are none.
 */
export function provisionedConcurrency(
  place: Place,
  { name }: LambdaFunction,
  qualifier: string,
  setByUs: SetByUs,
): Item {
  const { lambda } = place.account.clients(place.incident);
  const options = { abortSignal: place.signal };
  const its = { FunctionName: name, Qualifier: qualifier };
  const key = `${provisionedPrefix}${qualifier}`;
  return {
    key,
    object: { apiVersion, kind: 'ProvisionedConcurrency', name: `${name}:${qualifier}` },
    summary: `removes the provisioned concurrency of ${qualifier}: it may not exceed what is reserved`,
    marked: false,
    async read() {
      try {
        const found = await lambda.send(new GetProvisionedConcurrencyConfigCommand(its), options);
        return String(found.RequestedProvisionedConcurrentExecutions);
      } catch (error) {
        if (isAwsError(error, 'gone')) return null;
        throw error;
      }
    },
    stands: (state) => state === null,
    ours: (state) => state === null && setByUs(key),
    same,
    async set() {
      await lambda.send(new DeleteProvisionedConcurrencyConfigCommand(its), options);
    },
    async restore(base) {
      if (base === null) return;
      await lambda.send(
        new PutProvisionedConcurrencyConfigCommand({ ...its, ProvisionedConcurrentExecutions: Number(base) }),
        options,
      );
    },
  };
}

/** The versions and aliases that have some now. */
export async function provisionedQualifiers(
  { account, incident, signal }: Place,
  { name }: LambdaFunction,
): Promise<string[]> {
  const qualifiers: string[] = [];
  const client = account.clients(incident).lambda;
  const pages = paginateListProvisionedConcurrencyConfigs(
    { client },
    { FunctionName: name },
    { abortSignal: signal },
  );
  for await (const { ProvisionedConcurrencyConfigs = [] } of pages) {
    for (const { FunctionArn = '' } of ProvisionedConcurrencyConfigs)
      qualifiers.push(FunctionArn.slice(FunctionArn.lastIndexOf(':') + 1));
  }
  return qualifiers.toSorted();
}

/** Those that a snapshot has. */
export function provisionedIn(keys: readonly string[]): string[] {
  return keys
    .filter((key) => key.startsWith(provisionedPrefix))
    .map((key) => key.slice(provisionedPrefix.length));
}
