import { digits, hex } from './identity.ts';
import type { Clock } from './types.ts';

/** "Your app must use the trigger_id within 3 seconds" — Handling user interaction, docs.slack.dev/interactivity. */
const TRIGGER_LIFE_MS = 3_000;

interface Trigger {
  userId: string;
  viewId: string | undefined;
  issuedAt: number;
  used: boolean;
}

export type TriggerError = 'invalid_trigger_id' | 'expired_trigger_id' | 'exchanged_trigger_id';

/**
 * Trigger ids: each opens one view, once, within three seconds of the click.
 * Errors are those of docs.slack.dev/reference/methods/views.open.
 */
export class Triggers {
  readonly #clock: Clock;
  readonly #issued = new Map<string, Trigger>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  issue(userId: string, viewId?: string): string {
    const id = `${digits(12)}.${digits(11)}.${hex(16)}`;
    this.#issued.set(id, { userId, viewId, issuedAt: this.#clock.now(), used: false });
    return id;
  }

  exchange(id: string): { userId: string; viewId: string | undefined } | TriggerError {
    const trigger = this.#issued.get(id);
    if (!trigger) return 'invalid_trigger_id';
    if (trigger.used) return 'exchanged_trigger_id';
    if (this.#clock.now() - trigger.issuedAt > TRIGGER_LIFE_MS) return 'expired_trigger_id';
    trigger.used = true;
    return trigger;
  }
}
