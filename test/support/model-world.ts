import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import { worst, type Action, type ActionSignature, type Claim } from '../../domain/action.ts';
import type { JsonObject } from '../../domain/json.ts';
import { appliedWith, authorityOn, contract, planOf, undoneWith, type Place } from './test-action.ts';

const shop: Place = { cluster: 'c1', namespace: 'shop' };

/** How an apply ends: with these outputs, or, without any, by a failure. */
export type Directive = { outputs: JsonObject } | { fails: string };

/** A world in which every action ends as it was told to, and no reading ends before it is let go. */
export class ModelWorld {
  readonly directives = new Map<string, Directive>();
  /** By address: readings that are under way. */
  readonly reading = new Map<string, () => void>();
  /** Addresses whose change stands. */
  readonly applied = new Set<string>();
  #plans = 0;

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
      holds: false,
      plan: async (context, { step }) => {
        if (isReading(name)) {
          await new Promise<void>((resolve) => this.reading.set(step, resolve));
          this.reading.delete(step);
        }
        this.#plans += 1;
        const snapshot = await context.evidence.put('{}', 'application/json');
        const authority = authorityOn(name, shop, { rule: 'do as told', caps: { plan: this.#plans } });
        return planOf(authority, shop, snapshot, {
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
        if (effect !== 'read') this.applied.add(step);
        return appliedWith(told.outputs);
      },
      verify: async (_context, { step }) => {
        const stands = effect === 'read' || this.applied.has(step);
        const claims: Claim[] = [{ claim: 'as told', verdict: stands ? 'verified' : 'failed', detail: '' }];
        return { state: stands ? 'in-place' : 'absent', verdict: worst(claims), claims };
      },
      undo: async (_context, { step }) => {
        this.applied.delete(step);
        return undoneWith();
      },
    };
  }
}

/** The name under which a `wait` reads: nobody approves it, so that the world itself holds it up. */
export const readingName = 'model.read';

function isReading(name: string): boolean {
  return name === readingName;
}
