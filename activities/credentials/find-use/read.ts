import type { ActionContext } from '../../../domain/action.ts';
import { FirebreakError } from '../../../domain/errors.ts';
import { findInAuditLog } from './audit-log.ts';
import { findInHarbor } from './harbor.ts';
import { findNotifications } from './notifications.ts';
import type { Sought } from './systems.ts';
import { findInTrail } from './trail.ts';
import { Uses } from './use.ts';
import type { Window } from './window.ts';

/** For all of it: what is not read by then is told, and what was read is kept. Milliseconds. */
const DEADLINE_MS = 600_000;

/**
 * Reads what a system keeps of a credential. A part that cannot be had is told.
 * @throws when the system, as a whole, cannot be read
 */
export async function readUses(
  context: ActionContext,
  incident: string,
  sought: Sought,
  window: Window,
): Promise<Uses> {
  const uses = new Uses();
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const signal = AbortSignal.any([context.signal, deadline]);
  try {
    await readFrom(context, { incident, sought, window, uses, signal });
  } catch (error) {
    context.signal.throwIfAborted();
    if (!deadline.aborted) throw error;
    uses.miss(sought.words, `more than could be read in ${DEADLINE_MS / 60_000} minutes`);
  }
  return uses;
}

async function readFrom(
  context: ActionContext,
  {
    incident,
    sought,
    window,
    uses,
    signal,
  }: { incident: string; sought: Sought; window: Window; uses: Uses; signal: AbortSignal },
): Promise<void> {
  switch (sought.of) {
    case 'accessKey':
      return findInTrail({ account: sought.account, incident, signal }, sought.id, window, {
        now: context.now(),
        uses,
        progress: () => context.checkpoint('credentials.find-use: next page'),
      });
    case 'registryUser': {
      const { registry, user, registryEvents } = sought;
      if (registry.kind === 'harbor') return findInHarbor(registry, user, window, uses, signal);
      return findNotifications(registryEvents, { registry: registry.name, name: user }, window, uses);
    }
    case 'serviceAccount':
    case 'token': {
      let failure: FirebreakError | undefined;
      let read = 0;
      for (const file of sought.files) {
        try {
          await findInAuditLog(file, sought.wanted, window, { uses, signal });
          read += 1;
        } catch (error) {
          if (!(error instanceof FirebreakError)) throw error;
          failure = error;
          uses.miss(`an audit log of ${sought.place}`, error.message);
        }
      }
      if (read === 0 && failure !== undefined) throw failure;
    }
  }
}
