import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionContext, Claim, Verification } from '../../../domain/action.ts';
import type { Item, State } from './items.ts';

/** IAM's writes take seconds, seldom minutes, to count everywhere. */
const WITHIN_MS = 60_000;
/** What does not stand any more takes no effect, however long it is waited for. */
export function withinMsOf(state: Verification['state']): number {
  return state === 'absent' ? 0 : WITHIN_MS;
}

/** What IAM is asked for by its name, it soon gives back. */
const READ_WITHIN_MS = 5_000;
const POLL_MS = 500;

/**
 * Measures until it has taken effect, and says how long that took: IAM is eventually consistent.
 * @returns the last measurement
 */
export async function untilEffective(
  context: Pick<ActionContext, 'signal' | 'checkpoint'>,
  claim: string,
  measure: () => Promise<{ ended: boolean } & Omit<Claim, 'claim'>>,
  withinMs = WITHIN_MS,
): Promise<Claim> {
  const began = performance.now();
  for (;;) {
    const { ended, verdict, detail } = await measure();
    const elapsed = performance.now() - began;
    const seconds = (elapsed / 1000).toFixed(1);
    if (ended) return { claim, verdict, detail: `${detail}; seen after ${seconds} s` };
    if (elapsed > withinMs) return { claim, verdict, detail: `${detail}; asked for ${seconds} s` };
    await context.checkpoint(`await: ${claim}`);
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}

/** A claim for each item that it is set, as IAM gives it back. */
export async function claimsOfItems(
  context: Pick<ActionContext, 'signal' | 'checkpoint'>,
  items: readonly Item[],
): Promise<Claim[]> {
  const claims: Claim[] = [];
  for (const item of items) {
    claims.push(
      await untilEffective(
        context,
        `${item.key} is set`,
        async () => {
          const set = isSet(item, await item.read());
          return {
            ended: set,
            verdict: set ? 'verified' : 'failed',
            detail: set ? 'AWS gives back what was written' : 'AWS gives back something else',
          };
        },
        READ_WITHIN_MS,
      ),
    );
  }
  return claims;
}

/** Whether what was set stands: absent after somebody else's release. */
export async function stateOf(items: readonly Item[]): Promise<Verification['state']> {
  let set = 0;
  for (const item of items) {
    if (isSet(item, await item.read())) set++;
  }
  return set === items.length ? 'in-place' : set === 0 ? 'absent' : 'partial';
}

/** As some incident of ours wants it: several may share the hold. */
function isSet(item: Item, state: State): boolean {
  return item.ours(state) || item.stands(state);
}
