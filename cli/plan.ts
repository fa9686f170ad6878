import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Action, ActionContext, Effect, Plan } from '../domain/action.ts';
import type { Severity } from '../domain/alert.ts';
import type { Mode } from '../domain/decision.ts';
import { effectiveMode, refusals, type Refusal } from '../domain/guardrails.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import { compilePlaybook } from '../language/compile/compile.ts';
import { bindInputs } from '../language/compile/inputs.ts';
import { suggest } from '../language/compile/problem.ts';
import { condition, ExpressionError, render } from '../language/run/expression.ts';
import type { CompiledPlaybook, Playbook, Scope, Step } from '../language/run/playbook.ts';
import { openEvidence } from '../stores/evidence.ts';
import { catalogue, type Catalogue } from '../worker/catalogue.ts';
import { loadConfiguration, type Configuration } from '../worker/config/load.ts';
import { loadPlaybooks, PlaybooksInvalid } from '../worker/playbooks.ts';
import { readText } from '../worker/read-text.ts';
import { usage } from './failure.ts';
import { safe } from './output.ts';

export interface PlanRequest {
  config: string;
  /** Id, or path of a file. */
  playbook: string;
  inputs: JsonObject;
  severity: Severity;
  mode: Mode;
  /** File with an alert as JSON. */
  alert?: string;
}

/** One step as it would be now: a plan, or why there is none. */
export interface PlannedStep {
  id: string;
  action: string;
  effect: Effect;
  /** What the guardrails say to the plan; empty when it may be carried out. */
  refusals: Refusal[];
  /** The mode it would run in once the guardrails have judged. */
  mode?: Mode;
  plan?: Plan;
  /** Its condition is false, or it reads what an earlier step has yet to find out. */
  skipped?: string;
  error?: string;
}

export interface Planned {
  playbook: Pick<Playbook, 'id' | 'name' | 'version'> & { digest: string };
  inputs: JsonObject;
  steps: PlannedStep[];
}

/**
 * Plans every step of a playbook against the live clusters. Calls nothing but `plan`, which reads only; its evidence goes into a directory
 * that is removed at the end.
 */
export async function planPlaybook(request: PlanRequest): Promise<Planned> {
  const configuration = await loadConfiguration(request.config);
  const known = catalogue(configuration);
  const { playbook, digest } = await findPlaybook(request.playbook, configuration, known);
  const bound = bindInputs(playbook, request.inputs);
  if ('problems' in bound) {
    throw usage(
      bound.problems
        .map(({ code, field, message, fix }) => `${code} ${field}: ${message}; ${fix} (--input name=value)`)
        .join('\n'),
    );
  }
  const scope = {
    inputs: bound.ok,
    alert: await readAlert(request.alert),
    incident: {
      id: planIncident,
      title: playbook.name,
      severity: request.severity,
      mode: request.mode,
      requester: '',
    },
  };
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-plan-'));
  try {
    const evidence = await openEvidence(dir, configuration.evidence);
    const steps: PlannedStep[] = [];
    for (const step of playbook.steps) {
      const action = known.actions.find(({ name }) => name === step.uses);
      if (action === undefined) throw usage(`there is no action ${step.uses}`);
      const timeout = AbortSignal.timeout(action.timing.planMs);
      const context = readOnly(evidence, timeout);
      steps.push(await planStep(step, action, scope, context, request, configuration));
    }
    const { id, name, version } = playbook;
    return { playbook: { id, name, version, digest }, inputs: bound.ok, steps };
  } finally {
    await Promise.all(configuration.clusters.map(({ name }) => known.clusters(name).close()));
    await rm(dir, { recursive: true, force: true });
  }
}

/** No incident has this id: it is on no object and in no ledger. */
const planIncident = 'inc-0000000000000000-aaaaaa';

async function planStep(
  step: Step,
  action: Action,
  known: Omit<Scope, 'steps'>,
  context: ActionContext,
  { mode, severity }: PlanRequest,
  { guardrails }: Configuration,
): Promise<PlannedStep> {
  const { name, effect } = action;
  const planned: PlannedStep = { id: step.id, action: name, effect, refusals: [] };
  const scope = { ...known, steps: {} };
  let wanted: Json;
  try {
    if (step.if !== undefined && !condition(step.if, scope))
      return { ...planned, skipped: `its condition is false: ${step.if.cel}` };
    wanted = render(step.with, scope);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return { ...planned, skipped: `not known before it runs: ${error.message}` };
  }
  const input = action.input.safeParse(wanted);
  if (!input.success) {
    const [issue] = input.error.issues;
    return { ...planned, error: `with.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not valid'}` };
  }
  try {
    const plan = await action.plan(context, { incident: planIncident, step: step.id, input: input.data });
    return {
      ...planned,
      plan,
      refusals: refusals(guardrails, effect, plan.facts),
      mode: effectiveMode(guardrails, mode, severity, effect, plan.facts),
    };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { ...planned, error: error.message };
  }
}

function readOnly(evidence: ActionContext['evidence'], signal: AbortSignal): ActionContext {
  const checkpoint = () => {
    signal.throwIfAborted();
    return Promise.resolve();
  };
  return {
    evidence,
    signal,
    now: () => new Date(),
    checkpoint,
    beforeWrite: (name) => Promise.reject(new TypeError(`a plan tried to write at ${name}`)),
  };
}

async function findPlaybook(
  wanted: string,
  configuration: Configuration,
  { signatures }: Catalogue,
): Promise<CompiledPlaybook> {
  if (/[/\\]|\.ya?ml$/.test(wanted)) {
    const file = basename(wanted).includes('.') ? wanted : join(wanted, 'playbook.yaml');
    const compiled = compilePlaybook({ file, text: await readText('playbook', file) }, signatures);
    if ('ok' in compiled) return compiled.ok;
    throw new PlaybooksInvalid(compiled.problems);
  }
  const { playbooks, problems } = await loadPlaybooks(configuration.playbooks, signatures);
  const found = playbooks.get(wanted);
  if (found !== undefined) return found;
  const broken = problems.filter(({ file }) => basename(dirname(file)).startsWith(wanted));
  if (broken.length > 0) throw new PlaybooksInvalid(broken);
  throw usage(
    `there is no playbook ${safe(JSON.stringify(wanted), 100)}: ${suggest(wanted, playbooks.keys())}`,
  );
}

async function readAlert(file: string | undefined): Promise<JsonObject> {
  if (file === undefined) return {};
  const text = await readText('--alert', file);
  try {
    const alert: Json = JSON.parse(text);
    if (typeof alert === 'object' && alert !== null && !Array.isArray(alert)) return alert;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw usage(`--alert: ${safe(file)} holds no JSON object`);
}
