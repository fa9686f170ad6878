import type { ActionSignature } from '../../domain/action.ts';
import type { ChildPlaybook, Playbook, Step, StepCommon, Template } from '../../language/run/playbook.ts';

const timing: ActionSignature['timing'] = {
  planMs: 60_000,
  applyMs: 60_000,
  verifyMs: 60_000,
  undoMs: 60_000,
  heartbeatMs: 20_000,
  attempts: 1,
};
const actions = {
  'model.look': { effect: 'read', holds: false },
  'model.change': { effect: 'reversible', holds: false },
  'model.destroy': { effect: 'irreversible', holds: false },
  'model.contain': { effect: 'contain', holds: true },
} as const;

const anybody = { from: ['responders'], count: 1, withinMs: 60_000, otherwise: 'deny' as const };
const question: Template = { literal: 'Go on?' };
const minute = 60_000;
const changed: Step = {
  kind: 'action',
  id: 'first',
  needs: [],
  uses: 'model.change',
  with: { map: {} },
  undo: 'on-failure',
};

/** Draws whole playbooks: every kind of step, nested, with retries, timeouts, handlers, children and conditions. */
class Drawing {
  readonly #random: () => number;
  readonly #children: { [id: string]: ChildPlaybook } = {};
  /** Steps that may still be drawn: an incident stays short enough to be watched. */
  #left = 14;
  #ids = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  playbook(): Playbook {
    const steps = this.#list(2 + this.#below(3), 0, []);
    // So that something is undone: a change that nothing comes before, and a failure that everything does.
    if (this.#chance(0.5)) {
      const message = { literal: 'on purpose' };
      steps.push({ kind: 'fail', id: 'last', needs: steps.map(({ id }) => id), message });
      steps.unshift(changed);
    }
    return {
      schema: 'firebreak/playbook/v1',
      id: 'M-1',
      name: 'Model',
      version: 1,
      description: '',
      inputs: {},
      steps,
      ...this.#ending(),
      actions: Object.fromEntries(
        Object.entries(actions).map(([name, action]) => [
          name,
          { name, ...action, timing, input: {}, outputs: {} },
        ]),
      ),
      children: this.#children,
    };
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  #chance(of: number): boolean {
    return this.#random() < of;
  }

  #ending(): Pick<Playbook, 'onFailure' | 'always'> {
    return {
      ...(this.#chance(0.3) ? { onFailure: this.#list(1, 2, []) } : {}),
      ...(this.#chance(0.3) ? { always: this.#list(1, 2, []) } : {}),
    };
  }

  /** @param around ids of steps that the list sees beside its own */
  #list(size: number, depth: number, around: readonly string[]): Step[] {
    const steps: Step[] = [];
    for (let index = 0; index < size; index += 1) {
      const own = steps.map(({ id }) => id);
      const before = own.at(-1);
      const needs = before === undefined || this.#chance(0.25) ? [] : [before];
      // What a step sees is what it needs, and what the step around it sees.
      steps.push(this.#step(needs, depth, [...around, ...needs]));
    }
    return steps;
  }

  #common(needs: string[], depth: number, seen: readonly string[]): StepCommon {
    this.#ids += 1;
    const id = `s${this.#ids}`;
    const about = seen[this.#below(seen.length)];
    return {
      id,
      needs,
      ...(about !== undefined && this.#chance(0.2)
        ? { if: { cel: `steps.${about}.status ${this.#chance(0.8) ? '==' : '!='} 'done'` } }
        : {}),
      ...(this.#chance(0.15) ? { timeoutMs: minute } : {}),
      ...(this.#chance(0.25) ? { retry: { attempts: 2 + this.#below(2), delayMs: minute, backoff: 2 } } : {}),
      ...(this.#chance(0.15) ? { continueOnError: true as const } : {}),
      ...(depth < 2 && this.#chance(0.15) ? { onFailure: this.#list(1, 2, []) } : {}),
    };
  }

  #step(needs: string[], depth: number, seen: readonly string[]): Step {
    this.#left -= 1;
    const common = this.#common(needs, depth, seen);
    const deep = depth < 2 && this.#left > 0;
    switch (this.#below(deep ? 16 : 9)) {
      case 0:
        return { ...common, kind: 'approve', question, approve: anybody };
      case 1:
        return { ...common, kind: 'ask', question, from: ['responders'], withinMs: minute, fields: fields() };
      case 2:
        return { ...common, kind: 'set', values: { n: { cel: '1 + 1' }, bad: this.#maybeBroken() } };
      case 3:
        return { ...common, kind: 'wait', forMs: minute };
      case 4:
        return { ...common, kind: 'wait', until: this.#until() };
      case 5:
        if (this.#chance(0.5)) return { ...common, kind: 'fail', message: { literal: 'on purpose' } };
        if (this.#chance(0.3)) return { ...common, kind: 'end', why: { literal: 'enough' } };
        return this.#action(common);
      case 9:
      case 10:
        return {
          ...common,
          kind: 'parallel',
          branches: ['a', 'b'].map((name) => ({ name, steps: this.#inner(depth, seen) })),
          outputs: {},
        };
      case 11:
      case 12:
        return {
          ...common,
          kind: 'foreach',
          items: { literal: ['x', 'y', 'z'].slice(0, this.#below(4)) },
          maxItems: this.#chance(0.1) ? 1 : 4,
          maxParallel: 1 + this.#below(3),
          steps: this.#inner(depth, seen),
          outputs: { item: { cel: 'item' }, index: { cel: 'index' } },
        };
      case 13:
        return {
          ...common,
          kind: 'while',
          condition: { cel: `round < ${this.#below(4)}` },
          maxRounds: 2,
          delayMs: minute,
          steps: this.#inner(depth, seen),
          outputs: { round: { cel: 'round' } },
        };
      case 14:
        return {
          ...common,
          kind: 'switch',
          on: { cel: `'${this.#chance(0.5) ? 'one' : 'other'}'` },
          cases: [{ value: 'one', steps: this.#inner(depth, seen) }],
          default: this.#chance(0.5) ? this.#inner(depth, seen) : [],
          outputs: {},
        };
      case 15:
        return this.#child(common, depth);
      default:
        return this.#action(common);
    }
  }

  #inner(depth: number, seen: readonly string[]): Step[] {
    return this.#list(1 + this.#below(2), depth + 1, seen);
  }

  #action(common: StepCommon): Step {
    const names = Object.keys(actions);
    const uses = names[this.#below(names.length)] ?? '';
    const { retry: _retry, ...once } = common;
    return {
      ...(uses === 'model.destroy' ? once : common),
      kind: 'action',
      uses,
      with: this.#chance(0.1) ? this.#maybeBroken() : { map: { note: { literal: common.id } } },
      undo: uses === 'model.change' && this.#chance(0.7) ? 'on-failure' : 'never',
    };
  }

  #until() {
    return {
      condition: { cel: `reading.outputs.n > ${this.#below(3)}` },
      uses: 'model.look',
      with: { map: {} },
      everyMs: minute,
      withinMs: 3 * minute,
    };
  }

  /** An expression that the compiler cannot refuse and that has no value at run time. */
  #maybeBroken(): Template {
    return this.#chance(0.3) ? { cel: 'alert.fields.missing' } : { map: {} };
  }

  #child(common: StepCommon, depth: number): Step {
    this.#ids += 1;
    const id = `C-${this.#ids}`;
    const steps = this.#list(1 + this.#below(2), depth + 1, []);
    const child = { id, name: id, version: 1, description: '', inputs: {}, steps, ...this.#ending() };
    this.#children[id] = child;
    return { ...common, kind: 'playbook', playbook: id, with: { map: {} } };
  }
}

function fields() {
  return {
    sure: { type: 'boolean' as const, title: 'Sure' },
    many: { type: 'integer' as const, title: 'How many', min: 1, max: 9 },
    which: { type: 'string' as const, title: 'Which', oneOf: ['one', 'other'] },
  };
}

/** A playbook that is the same for the same numbers. */
export function randomPlaybook(random: () => number): Playbook {
  return new Drawing(random).playbook();
}
