import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import { worst, type Action, type ActionSignature, type Claim, type Effect } from '../../domain/action.ts';
import type { JsonObject } from '../../domain/json.ts';
import { appliedWith, authorityOn, contract, planOf, undoneWith, type Place } from './test-action.ts';

/** How an apply ends: with these outputs, or, without any, by a failure. */
export type Directive = { outputs: JsonObject } | { fails: string };

/** A world in which every action ends as it was told to, and no reading ends before it is let go. */
export class ModelWorld {
  readonly directives = new Map<string, Directive>();
  /** By address: readings that are under way. */
  readonly reading = new Map<string, () => void>();
  /** By address: changes that stand. */
  readonly applied = new Map<string, Effect>();
  /** Addresses whose undo fails. */
  readonly stuck = new Set<string>();
  readonly #holdsUp: (name: string) => boolean;
  readonly #place: Place;
  #plans = 0;
  #isLetGo = false;

  /**
   * @param cluster what it is in: incidents of one cluster share their holds
   * @param holdsUp actions whose plans wait to be let go: those that nobody is asked about
   */
  constructor(cluster: string, holdsUp: (name: string) => boolean) {
    this.#place = { cluster, namespace: 'shop' };
    this.#holdsUp = holdsUp;
  }

  /** Ends all that waits, now and later: a worker with an activity under way does not stop. */
  letGo(): void {
    this.#isLetGo = true;
    for (const go of this.reading.values()) go();
  }

  /** An action of that name and effect. Every plan of it asks for an authority of its own, so that no approval covers a second attempt. */
  action({ name, effect }: Pick<ActionSignature, 'name' | 'effect'>): Action {
    return {
      ...contract,
      name,
      title: name,
      effect,
      input: z.record(z.string(), z.json()),
      timing: {
        planMs: 60_000,
        applyMs: 60_000,
        verifyMs: 60_000,
        undoMs: 60_000,
        heartbeatMs: 20_000,
        attempts: 1,
      },
      holds: effect === 'contain',
      plan: async (context, { step }) => {
        if (this.#holdsUp(name) && !this.#isLetGo) {
          await new Promise<void>((resolve) => this.reading.set(step, resolve));
          this.reading.delete(step);
        }
        this.#plans += 1;
        const snapshot = await context.evidence.put('{}', 'application/json');
        const authority = authorityOn(name, this.#place, { rule: 'do as told', caps: { plan: this.#plans } });
        return planOf(authority, this.#place, snapshot, {
          changeCount: 0,
          undo: { kind: 'restore', text: 'as before' },
          description: { title: step, ifApproved: ['done'], ifDenied: ['not done'] },
        });
      },
      apply: async (_context, { step }) => {
        const told = this.directives.get(step);
        if (told === undefined) throw new Error(`nobody said how ${step} ends`);
        this.directives.delete(step);
        if ('fails' in told)
          throw ApplicationFailure.create({ type: 'Broken', nonRetryable: true, message: told.fails });
        if (effect !== 'read') this.applied.set(step, effect);
        return appliedWith(told.outputs);
      },
      verify: async (_context, { step }) => {
        const stands = effect === 'read' || this.applied.has(step);
        const claims: Claim[] = [{ claim: 'as told', verdict: stands ? 'verified' : 'failed', detail: '' }];
        return { state: stands ? 'in-place' : 'absent', verdict: worst(claims), claims };
      },
      undo: async (_context, { step }) => {
        if (this.stuck.has(step))
          throw ApplicationFailure.create({ type: 'Broken', nonRetryable: true, message: 'it sticks' });
        this.applied.delete(step);
        // All contain the same target: the last to let go restores it for the others too.
        if (effect === 'contain')
          for (const [other, does] of this.applied) if (does === effect) this.applied.delete(other);
        return undoneWith();
      },
    };
  }
}

/** The name under which a `wait` reads: nobody approves it, so that the world itself holds it up. */
export const readingName = 'model.read';
