import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { ActionContext } from '../../../domain/action.ts';
import type { Secret } from '../../../domain/secret.ts';
import type { Check } from './contract.ts';
import { ask, type Answer } from './endpoint.ts';

const POLL_MS = 500;
/** Replicas behind one address come up one after another: one refusal says little. */
const REFUSED_FOR_MS = 5_000;

/** What an endpoint says to a value: a redirect or a fault of its own says nothing. */
export type Say = 'accepted' | 'refused' | 'unclear';

/** What became of an old value that was accepted before. */
export const trialShape = z.object({
  /** Refused at every question for `forMs`, beginning `afterMs` after the restarts. */
  refused: z.boolean(),
  afterMs: z.number(),
  forMs: z.number(),
  asked: z.number(),
  /** What was said last, and how. */
  say: z.enum(['accepted', 'refused', 'unclear']),
  detail: z.string(),
});
export type Trial = z.infer<typeof trialShape>;

/** Tries a value once. */
export async function tryValue(
  check: Check,
  value: Secret,
  signal: AbortSignal,
): Promise<{ say: Say; detail: string }> {
  const answer = await ask(new URL(check.url), headersOf(check, value), signal);
  return { say: sayOf(answer), detail: 'status' in answer ? `HTTP ${answer.status}` : answer.failure };
}

/** Asks until a value has been refused for a while, or the time is over. */
export async function awaitRefused(context: ActionContext, check: Check, value: Secret): Promise<Trial> {
  const began = performance.now();
  let since: number | undefined;
  for (let asked = 1; ; asked++) {
    const { say, detail } = await tryValue(check, value, context.signal);
    const now = performance.now();
    since = say === 'refused' ? (since ?? now) : undefined;
    const told = {
      afterMs: Math.round((since ?? now) - began),
      forMs: Math.round(now - (since ?? now)),
      asked,
      say,
      detail,
    };
    if (told.forMs >= REFUSED_FOR_MS) return { refused: true, ...told };
    if (since === undefined && now - began > check.withinSeconds * 1_000) return { refused: false, ...told };
    await context.checkpoint('await refusal of the old value');
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}

function sayOf(answer: Answer): Say {
  if (!('status' in answer)) return 'unclear';
  if (answer.status >= 200 && answer.status < 300) return 'accepted';
  return answer.status === 401 || answer.status === 403 ? 'refused' : 'unclear';
}

function headersOf(check: Check, value: Secret): { [name: string]: string } {
  if (check.as === 'header') return { [check.header]: value.reveal() };
  if (check.as === 'bearer') return { authorization: `Bearer ${value.reveal()}` };
  const pair = Buffer.from(`${check.username}:${value.reveal()}`, 'utf8').toString('base64');
  return { authorization: `Basic ${pair}` };
}
