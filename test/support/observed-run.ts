import type { StepStatus } from '../../domain/incident.ts';
import type { Playbook } from '../../language/run/playbook.ts';
import { createInterpreter } from '../../workflows/interpreter/interpreter.ts';
import type { Ended, Facts, Interpreter, Leaf, Stop } from '../../workflows/interpreter/types.ts';
import { seeded } from './soak.ts';

/** One thing that was seen of a run, from outside. */
export type Sight =
  /** `undo`: it tells how an undo ended. */
  | { saw: 'status'; address: string; status: StepStatus; why: string; undo: boolean }
  | { saw: 'run'; leaf: Leaf }
  | { saw: 'told to stop'; address: string }
  | { saw: 'undo'; address: string }
  /** `applied`: it changed something, whatever becomes of it. */
  | { saw: 'end'; leaf: Leaf; applied: boolean }
  | { saw: 'undone'; address: string }
  | { saw: 'stop'; stop: Stop; ended: boolean }
  /** All that could move has. */
  | { saw: 'rest' };

export interface Observed {
  sights: Sight[];
  ended: Ended;
}

export interface World {
  /** Decides all that happens in the world. */
  seed: number;
  /** A stop before that move; after the end, when the run is shorter. */
  stop?: { move: number; stop: Stop };
  /** Whether it is taken up again from its JSON at this moment; several a move. */
  resumes?: (moment: number) => boolean;
}

const facts: Facts = { inputs: {}, alert: {}, incident: { mode: 'approve' } };
const maxMoves = 5_000;

/** Runs a playbook in a world that chance decides, and writes down all that can be seen. @throws when it does not end */
export function observe(playbook: Playbook, world: World): Observed {
  return new Observation(playbook, world).toEnd();
}

class Observation {
  readonly #playbook: Playbook;
  readonly #world: World;
  readonly #random: () => number;
  readonly #sights: Sight[] = [];
  #interpreter: Interpreter;
  #now = 0;
  #moments = 0;
  #undoing: string | undefined;
  /** Undone in the world, and not yet said to be. */
  #undone: string | undefined;
  #isStopped = false;

  constructor(playbook: Playbook, world: World) {
    this.#playbook = playbook;
    this.#world = world;
    this.#random = seeded(world.seed);
    this.#interpreter = createInterpreter(playbook, facts);
  }

  toEnd(): Observed {
    for (let move = 0; move < maxMoves; move += 1) {
      const { stop } = this.#world;
      if (stop !== undefined && stop.move === move) this.#stop(stop.stop);
      this.#advance();
      const ended = this.#interpreter.ended();
      if (ended !== undefined) {
        if (stop === undefined || this.#isStopped) return { sights: this.#sights, ended };
        this.#stop(stop.stop);
        continue;
      }
      this.#happen();
    }
    throw new Error(`it has not ended after ${maxMoves} moves`);
  }

  #resume(): void {
    this.#moments += 1;
    if (this.#world.resumes?.(this.#moments) === true)
      this.#interpreter = createInterpreter(this.#playbook, facts, this.#interpreter.state());
  }

  #stop(stop: Stop): void {
    this.#isStopped = true;
    this.#sights.push({ saw: 'stop', stop, ended: this.#interpreter.ended() !== undefined });
    this.#interpreter.stop(stop);
    this.#resume();
  }

  #advance(): void {
    const { commands, transitions } = this.#interpreter.advance(this.#now);
    for (const [index, { address, status, why = '' }] of transitions.entries())
      this.#sights.push({
        saw: 'status',
        address,
        status,
        why,
        undo: index === 0 && address === this.#undone,
      });
    this.#undone = undefined;
    for (const command of commands) {
      if (command.do === 'run') this.#sights.push({ saw: 'run', leaf: command.leaf });
      else if (command.do === 'stop') this.#sights.push({ saw: 'told to stop', address: command.address });
      else {
        this.#undoing = command.address;
        this.#sights.push({ saw: 'undo', address: command.address });
      }
    }
    this.#sights.push({ saw: 'rest' });
    this.#resume();
  }

  /** Something happens in the world: an undo ends, a leaf does, or time passes. */
  #happen(): void {
    const running = this.#interpreter.running();
    const due = this.#interpreter.due();
    if (this.#undoing !== undefined && (running.length === 0 || this.#random() < 0.5)) {
      const address = this.#undoing;
      this.#undoing = undefined;
      this.#interpreter.take({ undone: address, ok: this.#random() < 0.8 });
      this.#undone = address;
      this.#sights.push({ saw: 'undone', address });
      this.#resume();
      return;
    }
    const leaf = running[Math.floor(this.#random() * running.length)];
    if (leaf === undefined || (due !== Infinity && this.#random() < 0.1)) {
      if (due === Infinity) throw new Error('nothing runs, nothing is due, and it has not ended');
      this.#now = due;
      return;
    }
    this.#end(leaf);
    this.#resume();
  }

  #end(leaf: Leaf): void {
    const { address, step } = leaf;
    const effect = step.kind === 'action' ? this.#playbook.actions[step.uses]?.effect : undefined;
    const status = this.#random() < 0.3 ? 'failed' : 'done';
    // A failed change may stand as well.
    const applied = effect !== undefined && effect !== 'read' && (status === 'done' || this.#random() < 0.2);
    const outputs = { n: Math.floor(this.#random() * 4) };
    this.#interpreter.take({ step: address, status, outputs, applied });
    this.#sights.push({ saw: 'end', leaf, applied });
  }
}
