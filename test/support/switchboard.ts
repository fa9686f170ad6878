import { worst, type Action, type Claim } from '../../domain/action.ts';
import { canonical } from '../../domain/json.ts';
import {
  appliedWith,
  contract,
  place,
  planOf,
  switchAuthority,
  undoneWith,
  type Place,
} from './test-action.ts';

/** A world of one switch a namespace, for tests of what is around an action. `writes` counts what was really changed. */
export class Switchboard {
  readonly on = new Set<string>();
  readonly gone = new Set<string>();
  /** Switches that somebody else has turned: an undo keeps them. */
  readonly foreign = new Set<string>();
  writes = 0;
  /** Thrown by the next applies, one each. */
  readonly failures: Error[] = [];
  verdict: Claim['verdict'] = 'verified';
  supports: string[] = [];
  environment = 'production';
  /** Waited for by an apply before it writes. */
  pause?: (cancelled: AbortSignal) => Promise<void>;
  /** Waited for by an undo before it writes. */
  pauseUndo?: (cancelled: AbortSignal) => Promise<void>;

  action(name = 'test.switch', holds = true): Action {
    const action: Action<Place> = {
      ...contract,
      name,
      title: 'Turn a switch on',
      effect: holds ? 'contain' : 'read',
      input: place,
      timing: {
        planMs: 5_000,
        applyMs: 10_000,
        verifyMs: 5_000,
        undoMs: 10_000,
        heartbeatMs: 1_500,
        attempts: 3,
      },
      holds,
      plan: async (context, { input }) => {
        const snapshot = await context.evidence.put(
          canonical({ on: this.on.has(input.namespace) }),
          'application/json',
        );
        return planOf(switchAuthority(name, input), input, snapshot, {
          facts: [{ ...input, supports: this.supports, pods: 1, environment: this.environment }],
          notCovered: [{ code: 'other-switches', text: 'Other switches stay as they are.' }],
          undo: { kind: 'restore', text: 'the switch is put back' },
          description: {
            title: `Switch ${input.namespace}`,
            ifApproved: ['it is on'],
            ifDenied: ['it stays off'],
          },
          ...(this.on.has(input.namespace) ? { alreadyHeld: true } : {}),
        });
      },
      apply: async (context, { input }) => {
        const failure = this.failures.shift();
        if (failure !== undefined) throw failure;
        const already = this.on.has(input.namespace);
        if (!already && holds) {
          await this.pause?.(context.signal);
          await context.beforeWrite('switch');
          this.on.add(input.namespace);
          this.writes += 1;
          await context.checkpoint('switched');
        }
        return appliedWith({ done: true }, { already: already ? 1 : 0, measures: { ms: 1 } });
      },
      verify: async (_context, { input }) => {
        const on = this.on.has(input.namespace) && !this.gone.has(input.namespace);
        const claims: Claim[] = [
          { claim: 'the switch is on', verdict: on || !holds ? this.verdict : 'failed', detail: String(on) },
        ];
        return { state: on || !holds ? 'in-place' : 'absent', verdict: worst(claims), claims };
      },
      undo: async (context, { input, base }) => {
        const { on } = JSON.parse(Buffer.from(await context.evidence.get(base)).toString()) as {
          on: boolean;
        };
        await this.pauseUndo?.(context.signal);
        if (this.foreign.has(input.namespace))
          return { ...undoneWith(), conflicts: [{ object: input.namespace, why: 'somebody turned it' }] };
        await context.beforeWrite('switch-back');
        if (!on && this.on.delete(input.namespace)) this.writes += 1;
        await context.checkpoint('switched-back');
        return undoneWith({ claim: 'as before', verdict: 'verified', detail: '' });
      },
    };
    return action;
  }
}
