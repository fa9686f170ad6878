import type { ActionContext } from '../../../domain/action.ts';
import { cutOffAt } from './documents.ts';

/**
 * The time before which sessions are denied: when the first attempt of this step got here, so that an attempt that runs again writes nothing new.
 * RFC 3339 UTC, in whole seconds.
 */
export async function cutOff(context: ActionContext): Promise<string> {
  const { data } = await context.intend('cut-off', { cutOff: cutOffAt(context.now()) });
  const { cutOff: stored } = data;
  if (typeof stored !== 'string') throw new TypeError('the intent "cut-off" holds no time');
  return stored;
}
