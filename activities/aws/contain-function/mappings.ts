import {
  GetEventSourceMappingCommand,
  paginateListEventSourceMappings,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';
import { ApplicationFailure } from '@temporalio/common';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Item } from '../containment/items.ts';
import type { Place } from '../containment/principal.ts';
import { isAwsError } from '../errors.ts';
import { apiVersion, type SetByUs } from './concurrency.ts';
import type { LambdaFunction } from './function.ts';

const prefix = 'event source mapping ';

/** States in which Lambda takes no change. */
const passing = new Set(['Creating', 'Enabling', 'Disabling', 'Updating']);
const POLL_MS = 500;
const SETTLES_WITHIN_MS = 45_000;

/** A mapping's state as Lambda says it: `Enabled`, `Disabling`, `Disabled` …; null where there is none any more. */
export async function mappingState(
  { account, incident, signal }: Place,
  uuid: string,
): Promise<string | null> {
  const { lambda } = account.clients(incident);
  try {
    const { State } = await lambda.send(new GetEventSourceMappingCommand({ UUID: uuid }), {
      abortSignal: signal,
    });
    return State === undefined || State === 'Deleting' ? null : State;
  } catch (error) {
    if (isAwsError(error, 'gone')) return null;
    throw error;
  }
}

/** What feeds a function from a queue or stream: `Enabled` or `Disabled`, as it is or will be in a moment. */
export function eventSourceMapping(place: Place, uuid: string, setByUs: SetByUs): Item {
  const { lambda } = place.account.clients(place.incident);
  const key = `${prefix}${uuid}`;

  async function update(enabled: boolean): Promise<void> {
    const state = await settled(place, uuid);
    if (state === null || state === (enabled ? 'Enabled' : 'Disabled')) return;
    await lambda.send(new UpdateEventSourceMappingCommand({ UUID: uuid, Enabled: enabled }), {
      abortSignal: place.signal,
    });
  }

  return {
    key,
    object: { apiVersion, kind: 'EventSourceMapping', name: uuid },
    summary: 'disables the event source: its queue or stream keeps what it has',
    marked: false,
    async read() {
      const state = await mappingState(place, uuid);
      return state === null ? null : state.startsWith('Disabl') ? 'Disabled' : 'Enabled';
    },
    stands: (state) => state !== 'Enabled',
    ours: (state) => state === 'Disabled' && setByUs(key),
    same: (one, other) => one === other,
    set: () => update(false),
    restore: (base) => (base === 'Enabled' ? update(true) : Promise.resolve()),
  };
}

/** Waits until Lambda takes a change. */
async function settled(place: Place, uuid: string): Promise<string | null> {
  const until = performance.now() + SETTLES_WITHIN_MS;
  for (;;) {
    const state = await mappingState(place, uuid);
    if (state === null || !passing.has(state)) return state;
    if (performance.now() > until) {
      throw ApplicationFailure.create({
        type: 'FB3360',
        message: `FB3360: event source mapping ${uuid} is ${state} for more than ${SETTLES_WITHIN_MS / 1000} s: Lambda takes no change of it; it is tried again`,
      });
    }
    await sleep(POLL_MS, undefined, { signal: place.signal });
  }
}

/** A mapping that feeds the function, or one of its versions or aliases. */
export interface Mapping {
  uuid: string;
  source: string;
}

/** All of them. A list by the function's name leaves out those of versions and aliases, so the region's are looked through. */
export async function mappingsOf(
  { account, incident, signal }: Place,
  { arn }: Pick<LambdaFunction, 'arn'>,
): Promise<Mapping[]> {
  const found: Mapping[] = [];
  const client = account.clients(incident).lambda;
  const pages = paginateListEventSourceMappings({ client }, {}, { abortSignal: signal });
  for await (const { EventSourceMappings = [] } of pages) {
    for (const {
      UUID,
      FunctionArn = '',
      EventSourceArn,
      SelfManagedEventSource,
      State,
    } of EventSourceMappings) {
      const its = FunctionArn === arn || FunctionArn.startsWith(`${arn}:`);
      if (!its || UUID === undefined || State === 'Deleting') continue;
      const source =
        EventSourceArn ?? (SelfManagedEventSource === undefined ? 'unknown' : 'self-managed Kafka');
      found.push({ uuid: UUID, source });
    }
  }
  return found.toSorted((a, b) => (a.uuid < b.uuid ? -1 : 1));
}

/** Those that a snapshot has. */
export function mappingsIn(keys: readonly string[]): string[] {
  return keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
}
