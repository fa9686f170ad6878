import { Ajv2020 } from 'ajv/dist/2020.js';
import { answersProblem } from '../../domain/form.ts';
import type { Mode } from '../../domain/decision.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import type { Approval } from '../../domain/person.ts';
import { milliseconds } from '../../language/compile/duration.ts';
import { ExpressionError, render } from '../../language/run/expression.ts';
import type { ActionStep, AskStep, Playbook, Scope, Template } from '../../language/run/playbook.ts';
import type { Event, Leaf, Phase } from '../../workflows/interpreter/types.ts';
import type { Scenario } from './read.ts';
import { exampleOf, Recorded, undoQuestion, Unplayable } from './recorded.ts';
import { decisionPattern, type Decision, type Result } from './shape.ts';

/** A question that people were asked. */
export interface Question {
  address: string;
  from: string[];
  count: number;
  question: string;
}

/** Asked of a changing step whose playbook names nobody; in production the configuration says who. */
const defaultApproval: Approval = {
  from: ['default'],
  count: 1,
  withinMs: 15 * 60_000,
  otherwise: 'escalate',
};

/** How a question was answered, and after how long. */
interface Answered {
  event: Exclude<Event, { undone: string }>;
  afterMs: number;
}

interface Pending {
  at: number;
  event: Event;
}

/** The world as a scenario recorded it: actions and people answer at virtual times, and nothing else happens. */
export class World {
  readonly recorded: Recorded;
  readonly asked: Question[] = [];
  /** What actions were given, by address: the last attempt's. */
  readonly inputs = new Map<string, Json>();
  /** Whether nobody answered some question in time. */
  expired = false;
  readonly #scenario: Scenario;
  readonly #playbook: Playbook;
  readonly #mode: Mode;
  readonly #requester: string;
  readonly #undoFails = new Map<string, string>();
  /** Whose leave an undo takes, by the address of what it undoes. */
  readonly #undoAsks = new Map<string, Approval>();
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });
  /** By phase: the answer, and the steps that it is for. */
  readonly #phases = new Map<string, Answered & { at: number; attempt: number; members: Set<string> }>();
  #pending: Pending[] = [];

  constructor(scenario: Scenario, playbook: Playbook, mode: Mode, requester: string) {
    this.#scenario = scenario;
    this.#playbook = playbook;
    this.#mode = mode;
    this.#requester = requester;
    this.recorded = new Recorded(scenario);
  }

  /** When the next answer comes; Infinity when nothing runs. */
  next(): number {
    return Math.min(Infinity, ...this.#pending.map(({ at }) => at));
  }

  /** The first answer that has come by `now`; in the order they were begun when several come at once. */
  take(now: number): Event | undefined {
    const at = this.next();
    if (at > now) return undefined;
    const index = this.#pending.findIndex((pending) => pending.at === at);
    return this.#pending.splice(index, 1)[0]?.event;
  }

  /** @throws Unplayable when the scenario does not say what follows */
  run(leaf: Leaf, now: number): void {
    const { address, step, scope } = leaf;
    try {
      if (step.kind === 'action') this.#act(leaf, step, now);
      else if (this.#mode === 'simulate') this.#end(now, { step: address, status: 'simulated' });
      else if (step.kind === 'approve') {
        const answer = this.#decide(leaf, step.approve, text(step.question, scope));
        this.#end(now + answer.afterMs, answer.event);
      } else this.#ask(leaf, step, text(step.question, scope), now);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      const simulated = this.#mode === 'simulate';
      this.#end(now, {
        step: address,
        status: simulated ? 'skipped' : 'failed',
        why: simulated ? `not known in a simulation: ${error.message}` : error.message,
      });
    }
  }

  /** What runs is told to stop: it ends at once. */
  stop(address: string, why: string, now: number): void {
    const before = this.#pending.length;
    this.#pending = this.#pending.filter(({ event }) => !('step' in event) || event.step !== address);
    if (this.#pending.length < before) this.#end(now, { step: address, status: 'cancelled', why });
  }

  /** @throws Unplayable when people are asked first, and the scenario does not say what they answer */
  undo(address: string, now: number): void {
    const asks = this.#undoAsks.get(address);
    const question = undoQuestion(address);
    const answer = asks === undefined ? undefined : this.#decide({ address: question, attempt: 1 }, asks, '');
    const at = now + (answer?.afterMs ?? 0);
    const denied = answer?.event.status === 'denied' ? answer.event.why : undefined;
    const why = denied ?? this.#undoFails.get(address);
    this.#end(at, { undone: address, ok: why === undefined, ...(why === undefined ? {} : { why }) });
  }

  #end(at: number, event: Event): void {
    this.#pending.push({ at, event });
  }

  #act({ address, attempt, scope, ...leaf }: Leaf, step: ActionStep, now: number): void {
    const signature = this.#playbook.actions[step.uses];
    if (signature === undefined) throw new TypeError(`the playbook froze no action ${step.uses}`);
    const input = render(step.with, scope);
    this.inputs.set(address, input);
    const validate = this.#ajv.compile(signature.input);
    if (!validate(input)) {
      const why = this.#ajv.errorsText(validate.errors, { dataVar: 'with' });
      this.#end(now, {
        step: address,
        status: 'failed',
        why: `${step.uses} refuses what it is given: ${why}`,
      });
      return;
    }
    if (this.#mode === 'simulate') {
      this.#end(now, {
        step: address,
        status: 'simulated',
        why: 'the mode is simulate: nothing was changed',
      });
      return;
    }
    const refusal = this.recorded.refusal(address, attempt);
    // The guardrails judge before anybody is asked.
    if (refusal !== undefined) {
      this.#end(now, { step: address, status: 'refused', why: refusal.why ?? 'a guardrail refused it' });
      return;
    }
    const isFree = signature.effect === 'read' || signature.effect === 'contain';
    const isAsked =
      this.#mode === 'approve' ? signature.effect !== 'read' || step.approve !== undefined : !isFree;
    let begun = now;
    if (isAsked) {
      const approval = step.approve ?? defaultApproval;
      const own = { address, attempt, scope, ...leaf, step };
      const answer =
        leaf.phase === undefined
          ? this.#decide(own, approval, '')
          : this.#joint(own, leaf.phase, approval, now);
      begun = now + answer.afterMs;
      if (answer.event.status !== 'done') return this.#end(begun, { ...answer.event, step: address });
    }
    const found = this.recorded.result(address, attempt);
    if (found === undefined)
      throw new Unplayable(
        this.#scenario.problem(
          'FB6123',
          ['given', 'results'],
          `${address} runs ${step.uses}, and no result is recorded for it`,
          `add to given.results: ${keyText(address)}: { verdict: verified, outputs: ${JSON.stringify(exampleOf(signature.outputs))} }`,
        ),
      );
    const { value } = found;
    if (value['undo-fails'] !== undefined) this.#undoFails.set(address, value['undo-fails']);
    if (step.undo === 'ask') this.#undoAsks.set(address, step.approve ?? defaultApproval);
    this.#end(
      begun + duration(value.after),
      endOf(address, value, signature.holds, signature.effect !== 'read'),
    );
    return undefined;
  }

  /** The answer for a whole phase: people are asked when the first of its steps begins. */
  #joint(leaf: Leaf, { id, members }: Phase, approval: Approval, now: number): Answered {
    const known = this.#phases.get(id);
    if (known?.members.has(leaf.address) === true) return { ...known, afterMs: Math.max(0, known.at - now) };
    const attempt = (known?.attempt ?? 0) + 1;
    const answer = this.#decide({ address: id, attempt }, approval, '');
    this.#phases.set(id, {
      ...answer,
      at: now + answer.afterMs,
      attempt,
      members: new Set(members.map(({ address }) => address)),
    });
    return answer;
  }

  /** Asks whether to go on. */
  #decide(
    { address, attempt }: Pick<Leaf, 'address' | 'attempt'>,
    approval: Approval,
    question: string,
  ): Answered {
    const found = this.#answer(address, attempt, approval.from, approval.count, question, `approved by ada`);
    const windows = approval.otherwise === 'escalate' ? 2 : 1;
    if (found.value === 'expired') {
      this.expired = true;
      const why = 'nobody decided in time';
      return { event: { step: address, status: 'denied', why }, afterMs: approval.withinMs * windows };
    }
    const [, verdict = '', names = '', after] =
      typeof found.value === 'string' ? (decisionPattern.exec(found.value) ?? []) : [];
    const persons = names.split(' and ');
    const afterMs = duration(after);
    const fault = this.#voteFault(verdict, persons, afterMs, approval, windows);
    if (fault !== undefined)
      throw new Unplayable(
        this.#scenario.problem('FB6122', found.path, `${address} ${fault.message}`, fault.fix),
      );
    if (verdict === 'denied')
      return { event: { step: address, status: 'denied', why: `${names} denied it` }, afterMs };
    return { event: { step: address, status: 'done', outputs: { by: persons } }, afterMs };
  }

  #voteFault(
    verdict: string,
    persons: readonly string[],
    afterMs: number,
    { count, withinMs }: Approval,
    windows: number,
  ): { message: string; fix: string } | undefined {
    if (verdict === '')
      return {
        message: 'asks whether to go on, and is answered with a form',
        fix: 'write `approved by ada` or `denied by ada`',
      };
    if (persons.includes(this.#requester))
      return {
        message: `is decided by ${this.#requester}, who opened the incident`,
        fix: 'name somebody else: a requester never counts',
      };
    if (new Set(persons).size !== persons.length)
      return { message: 'counts one person twice', fix: 'name each person once' };
    if (verdict === 'approved' && persons.length !== count)
      return {
        message: `asks ${count} ${count === 1 ? 'person' : 'persons'}, and ${persons.length} approved`,
        fix: `write \`approved by\` and ${count} ${count === 1 ? 'name' : 'names, with `and` between them'}`,
      };
    if (afterMs >= withinMs * windows)
      return { message: 'is answered after it has expired', fix: 'write `expired`, or a shorter time' };
    return undefined;
  }

  #ask({ address, attempt }: Leaf, step: AskStep, question: string, now: number): void {
    const example = `{ by: ada, answers: { ${Object.keys(step.fields)
      .map((name) => `${name}: …`)
      .join(', ')} } }`;
    const found = this.#answer(address, attempt, step.from, 1, question, example);
    if (found.value === 'expired') {
      this.expired = true;
      this.#end(now + step.withinMs, { step: address, status: 'denied', why: 'nobody answered in time' });
      return;
    }
    const refuse = (message: string, fix: string): never => {
      throw new Unplayable(this.#scenario.problem('FB6122', found.path, `${address} ${message}`, fix));
    };
    if (typeof found.value === 'string')
      return refuse('is a form, and is answered by a vote', `write ${example}`);
    const answers: JsonObject = { ...found.value.answers };
    for (const [name, { default: preset }] of Object.entries(step.fields))
      if (preset !== undefined && !Object.hasOwn(answers, name)) answers[name] = preset;
    const problem = answersProblem(step.fields, answers);
    if (problem !== undefined)
      refuse(`has answers that do not fit: ${problem.field} ${problem.message}`, `write ${example}`);
    const afterMs = duration(found.value.after);
    if (afterMs >= step.withinMs)
      refuse('is answered after it has expired', 'write `expired`, or a shorter time');
    this.#end(now + afterMs, { step: address, status: 'done', outputs: answers });
    return undefined;
  }

  #answer(
    address: string,
    attempt: number,
    from: string[],
    count: number,
    question: string,
    example: string,
  ): { value: Decision; path: (string | number)[] } {
    this.asked.push({ address, from, count, question });
    const found = this.recorded.decision(address, attempt);
    if (found !== undefined) return found;
    throw new Unplayable(
      this.#scenario.problem(
        'FB6123',
        ['given', 'decisions'],
        `${address} asks ${from.join(', ')}, and no decision is recorded for it`,
        `add to given.decisions: ${keyText(address)}: ${example}`,
      ),
    );
  }
}

function endOf(address: string, result: Result, holds: boolean, changes: boolean): Event {
  const { status, verdict = 'verified', outputs = {}, why } = result;
  if (status !== undefined)
    return { step: address, status, outputs, applied: result.applied ?? false, why: why ?? 'it failed' };
  const applied = result.applied ?? changes;
  if (verdict === 'failed')
    return {
      step: address,
      status: 'failed',
      why: why ?? 'the verification failed',
      verdict,
      outputs,
      applied,
    };
  return { step: address, status: holds ? 'held' : 'done', verdict, outputs, applied };
}

function text(template: Template, scope: Scope): string {
  const value = render(template, scope);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function duration(value: string | undefined): number {
  return value === undefined ? 0 : (milliseconds(value) ?? 0);
}

/** An address as YAML takes it for a key. */
function keyText(address: string): string {
  return /^[\w/-]+$/.test(address) ? address : `'${address}'`;
}
