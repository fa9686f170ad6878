import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Severity } from '../domain/alert.ts';
import type { Mode } from '../domain/decision.ts';
import { isObject, type Json, type JsonObject } from '../domain/json.ts';
import { bindInputs } from '../language/compile/inputs.ts';
import type { Playbook } from '../language/run/playbook.ts';
import { openEvidence } from '../stores/evidence.ts';
import { catalogue } from '../worker/catalogue.ts';
import { loadConfiguration } from '../worker/config/load.ts';
import { readText } from '../worker/read-text.ts';
import { usage } from './failure.ts';
import { findPlaybook } from './find-playbook.ts';
import { howToWrite } from './inputs.ts';
import { safe } from './output.ts';
import { planAction, planIncident } from './plan/action.ts';
import { walkPlan, type PlannedStep } from './plan/walk.ts';

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
  const { playbook, digest } = await findPlaybook(request.playbook, request.config, known.signatures);
  const bound = bindInputs(playbook, request.inputs);
  if ('problems' in bound) {
    throw usage(
      bound.problems
        .map(({ code, field, message, fix }) => `${code} ${field}: ${message}; ${fix}: ${howToWrite}`)
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
    const planning = { ...request, evidence, guardrails: configuration.guardrails };
    const steps = await walkPlan(playbook, scope, (step, address, wanted) => {
      const action = known.actions.find(({ name }) => name === step.uses);
      if (action === undefined) throw usage(`there is no action ${step.uses}`);
      return planAction(action, address, wanted, planning);
    });
    const { id, name, version } = playbook;
    return { playbook: { id, name, version, digest }, inputs: bound.ok, steps };
  } finally {
    await Promise.all(configuration.clusters.map(({ name }) => known.clusters(name).close()));
    await rm(dir, { recursive: true, force: true });
  }
}

async function readAlert(file: string | undefined): Promise<JsonObject> {
  if (file === undefined) return {};
  const text = await readText('--alert', file);
  try {
    const alert: Json = JSON.parse(text);
    if (isObject(alert)) return alert;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw usage(`--alert: ${safe(file)} holds no JSON object`);
}
