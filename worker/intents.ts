import { randomUUID } from 'node:crypto';
import type { ActionContext, Mandate } from '../domain/action.ts';
import { FirebreakError } from '../domain/errors.ts';
import { canonical, digest, type JsonObject } from '../domain/json.ts';
import type { Records } from '../stores/records.ts';

interface Stored {
  data: JsonObject;
  at: string;
  /** Tells two callers apart that intend the same at the same moment. */
  caller: string;
}

/**
 * `ActionContext.intend` for one step under one authority. Keyed by what is authorised, and not by the attempt: an activity that runs again, by itself or
 * by a retry of the playbook, finds what the first one intended.
 */
export function intender(
  records: Pick<Records, 'put' | 'get'>,
  { incident, step, authority }: Pick<Mandate, 'incident' | 'step' | 'authority'>,
): ActionContext['intend'] {
  return async (name, data) => {
    const key = digest({ incident, step, authority: digest(authority), name }).slice('sha256:'.length);
    const known = await read(records, key);
    if (known !== undefined) return { first: false, data: known.data, at: known.at };
    const mine: Stored = { data, at: new Date().toISOString(), caller: randomUUID() };
    try {
      await records.put(key, canonical(mine));
      return { first: true, data, at: mine.at };
    } catch (error) {
      if (!(error instanceof FirebreakError) || error.code !== 'FB6205') throw error;
      const { data: stored, at } = (await read(records, key)) ?? mine;
      return { first: false, data: stored, at };
    }
  };
}

async function read(records: Pick<Records, 'get'>, key: string): Promise<Stored | undefined> {
  const bytes = await records.get(key);
  if (bytes === undefined) return undefined;
  const stored: Stored = JSON.parse(Buffer.from(bytes).toString('utf8'));
  return stored;
}
