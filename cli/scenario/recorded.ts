import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { ActionSignature } from '../../domain/action.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { suggest } from '../../language/compile/problem.ts';
import { pathOfAddress, walkSteps, type Playbook, type Step } from '../../language/run/playbook.ts';
import { phaseId } from '../../workflows/interpreter/phase.ts';
import type { Scenario, ScenarioProblem } from './read.ts';
import type { Decision, Result } from './shape.ts';

/** Says a result or a decision that nobody recorded, or that cannot be: the run ends there. */
export class Unplayable extends Error {
  readonly problem: ScenarioProblem;
  constructor(problem: ScenarioProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** What a scenario recorded, by address or by path, and what of it was used. */
export class Recorded {
  readonly #scenario: Scenario;
  readonly #used = new Map<string, number>();

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  /** The result of the n-th attempt (from 1); undefined when none is recorded for the step at all. */
  result(address: string, attempt: number): { value: Result; path: (string | number)[] } | undefined {
    return this.#take('results', this.#scenario.given.results ?? {}, address, attempt);
  }

  /** What the guardrails are recorded to say: looked at before anybody is asked, and no use of a result that says something else. */
  refusal(address: string, attempt: number): Result | undefined {
    const recorded = this.#scenario.given.results ?? {};
    const key = keyOf(recorded, address);
    const entry = key === undefined ? undefined : recorded[key];
    const result = Array.isArray(entry) ? entry[attempt - 1] : entry;
    return result?.status === 'refused' ? this.result(address, attempt)?.value : undefined;
  }

  decision(address: string, attempt: number): { value: Decision; path: (string | number)[] } | undefined {
    return this.#take('decisions', this.#scenario.given.decisions ?? {}, address, attempt);
  }

  #take<T>(
    section: 'results' | 'decisions',
    recorded: { [address: string]: T | T[] },
    address: string,
    attempt: number,
  ): { value: T; path: (string | number)[] } | undefined {
    const key = keyOf(recorded, address);
    const entry = key === undefined ? undefined : recorded[key];
    if (key === undefined || entry === undefined) return undefined;
    const path = ['given', section, key];
    this.#used.set(`${section}/${key}`, Math.max(this.#used.get(`${section}/${key}`) ?? 0, attempt));
    if (!Array.isArray(entry)) return { value: entry, path };
    const value = entry[attempt - 1];
    if (value !== undefined) return { value, path: [...path, attempt - 1] };
    throw new Unplayable(
      this.#scenario.problem(
        'FB6123',
        path,
        `${address} comes to attempt ${attempt}, and ${entry.length} ${entry.length === 1 ? 'is' : 'are'} recorded`,
        'add one to the list, or write a single one that stands for every attempt',
      ),
    );
  }

  /** What was recorded and never asked for: the scenario says something that does not happen. */
  unused(): ScenarioProblem[] {
    const { given, problem } = this.#scenario;
    const of = (
      section: 'results' | 'decisions',
      recorded: { [address: string]: unknown },
    ): ScenarioProblem[] =>
      Object.entries(recorded).flatMap(([key, entry]) => {
        const used = this.#used.get(`${section}/${key}`) ?? 0;
        const noun = section === 'results' ? 'result' : 'decision';
        const path = ['given', section, key];
        if (used === 0)
          return problem(
            'FB6124',
            path,
            `there is a ${noun} for ${key}, ${section === 'results' ? 'which never ran' : 'which never asked'}`,
            'remove it, or correct what should have led there',
          );
        if (Array.isArray(entry) && entry.length > used)
          return problem(
            'FB6124',
            [...path, used],
            `${entry.length} ${noun}s are recorded for ${key}, and ${used} used`,
            'remove what is not reached',
          );
        return [];
      });
    return [...of('results', given.results ?? {}), ...of('decisions', given.decisions ?? {})];
  }
}

/** An address wins over a path, which stands for every instance of the step. */
function keyOf(recorded: object, address: string): string | undefined {
  return [address, pathOfAddress(address)].find((name) => Object.hasOwn(recorded, name));
}

/** What can be said of a scenario before it is played: names that lead nowhere, results that no such action yields. */
export function scenarioProblems(scenario: Scenario, playbook: Playbook): ScenarioProblem[] {
  const steps = new Map([...walkSteps(playbook)].map(({ path, step }) => [path, step]));
  // Questions are named by a step or, where several are asked about at once, by their phase.
  const questions = new Set([...steps].flatMap(([path, step]) => questionsOf(path, step)));
  const { given, expect, problem } = scenario;
  const problems: ScenarioProblem[] = [];
  const known = (address: string, path: (string | number)[]): Step | undefined => {
    const step = steps.get(pathOfAddress(address));
    if (step === undefined)
      problems.push(
        problem(
          'FB6121',
          path,
          `${playbook.id} has no step "${address}"`,
          suggest(pathOfAddress(address), steps.keys()),
        ),
      );
    return step;
  };
  const check = createOutputsChecker();
  for (const [address, entry] of Object.entries(given.results ?? {})) {
    const path = ['given', 'results', address];
    const step = known(address, path);
    if (step === undefined) continue;
    const uses = usesOf(step);
    const signature = uses === undefined ? undefined : playbook.actions[uses];
    if (signature === undefined) {
      problems.push(
        problem(
          'FB6122',
          path,
          `${address} is a ${step.kind}: it meets no result`,
          'remove it; people’s words belong in decisions',
        ),
      );
      continue;
    }
    for (const [index, result] of (Array.isArray(entry) ? entry : [entry]).entries()) {
      const at = Array.isArray(entry) ? [...path, index] : path;
      const fault = resultFault(result, signature, check);
      if (fault !== undefined)
        problems.push(problem('FB6122', [...at, ...fault.path], fault.message, fault.fix));
    }
  }
  const asks = (address: string, path: (string | number)[]): void => {
    if (!questions.has(pathOfAddress(address))) known(address, path);
  };
  for (const address of Object.keys(given.decisions ?? {})) asks(address, ['given', 'decisions', address]);
  if (given.cancel !== undefined) known(given.cancel.at, ['given', 'cancel', 'at']);
  for (const [index, entry] of expect.steps.entries())
    if (typeof entry === 'object')
      for (const address of Object.keys(entry)) known(address, ['expect', 'steps', index, address]);
  for (const [index, entry] of (expect.asked ?? []).entries())
    for (const address of typeof entry === 'string' ? [entry] : Object.keys(entry))
      if (address !== '...') asks(address, ['expect', 'asked', index]);
  for (const [index, address] of (expect.holding ?? []).entries())
    known(address, ['expect', 'holding', index]);
  return problems;
}

function questionsOf(path: string, step: Step): string[] {
  if (step.kind !== 'action') return [path];
  const own = step.phase === undefined ? path : phaseId(path, step.id, step.phase.id);
  return step.undo === 'ask' ? [own, undoQuestion(path)] : [own];
}

/** What the question whether to undo a step is called, as in an incident. */
export function undoQuestion(address: string): string {
  return `${address}/undo`;
}

function usesOf(step: Step): string | undefined {
  if (step.kind === 'action') return step.uses;
  return step.kind === 'wait' ? step.until?.uses : undefined;
}

type OutputsChecker = (signature: ActionSignature, outputs: JsonObject) => string | undefined;

function createOutputsChecker(): OutputsChecker {
  const ajv = new Ajv2020({ allErrors: false, strict: false, validateFormats: false });
  const validators = new Map<string, ValidateFunction>();
  return (signature, outputs) => {
    const validate = validators.get(signature.name) ?? ajv.compile(signature.outputs);
    validators.set(signature.name, validate);
    return validate(outputs) ? undefined : ajv.errorsText(validate.errors, { dataVar: 'outputs' });
  };
}

function resultFault(
  result: Result,
  signature: ActionSignature,
  check: OutputsChecker,
): { path: string[]; message: string; fix: string } | undefined {
  const { status, verdict, outputs } = result;
  const { name } = signature;
  if (status !== undefined && verdict !== undefined)
    return {
      path: ['verdict'],
      message: `a ${status} step has no verdict`,
      fix: 'remove verdict, or status',
    };
  if (status === 'refused' && signature.effect === 'read')
    return {
      path: ['status'],
      message: `guardrails refuse no reading: ${name} only reads`,
      fix: 'use status: failed',
    };
  if (result.applied === true && signature.effect === 'read')
    return { path: ['applied'], message: `${name} changes nothing`, fix: 'remove applied' };
  if (outputs === undefined && status !== undefined) return undefined;
  const fault = check(signature, outputs ?? {});
  if (fault === undefined) return undefined;
  const example = JSON.stringify(exampleOf(signature.outputs));
  return {
    path: outputs === undefined ? [] : ['outputs'],
    message: `${name} yields no such outputs: ${fault}`,
    fix: `write what it yields, such as outputs: ${example}`,
  };
}

/** The smallest value that shows a schema's required fields. */
export function exampleOf(schema: Json | undefined): Json {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return '';
  const { type, properties, required, enum: choices, const: only } = schema;
  if (only !== undefined) return only;
  if (Array.isArray(choices)) return choices[0] ?? null;
  if (type === 'array') return [];
  if (type === 'integer' || type === 'number') return 0;
  if (type === 'boolean') return true;
  if (type !== 'object') return '';
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) return {};
  const names = Array.isArray(required) ? required.filter((name) => typeof name === 'string') : [];
  return Object.fromEntries(names.map((name) => [name, exampleOf(properties[name])]));
}
