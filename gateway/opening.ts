import type { Alert, Severity } from '../domain/alert.ts';
import type { Mode, Opening } from '../domain/decision.ts';
import type { Policy } from '../domain/incident.ts';
import { digest, type Digest, type JsonObject } from '../domain/json.ts';
import type { Signer } from '../domain/signature.ts';
import type { Approval } from '../domain/person.ts';
import { walkSteps, type CompiledPlaybook, type Playbook } from '../language/run/playbook.ts';
import type { IncidentArguments } from '../workflows/contract.ts';
import { Problem } from './problem.ts';

/** What an incident is opened with, before it has an id. */
export interface OpeningRequest {
  key: Digest;
  title: string;
  severity: Severity;
  mode: Mode;
  alert: Alert | null;
  playbook: CompiledPlaybook;
  inputs: JsonObject;
  /** Slack channel that takes the place of the policy's. */
  channel?: string;
  requester: string;
}

/** Bytes of JSON that a workflow's input may have: Temporal refuses 2 MB, in a way that is retried for ever. */
const maxInput = 1_500_000;

/**
 * What alerts about the same thing share: the playbook, what it is about, and whether it only simulates — a simulation must never take in
 * the alert that asks for the real thing.
 */
export function incidentKey(playbook: string, about: JsonObject | string, mode: Mode): Digest {
  return digest({ playbook, about, simulate: mode === 'simulate' });
}

/** Completes the input of an incident's workflow and signs its opening. @throws Problem FB1212 when it is too large. */
export function createPreparation(signer: Signer, policy: Policy, now: () => Date) {
  return async (
    request: OpeningRequest,
    incident: string,
    predecessor: string | undefined,
  ): Promise<IncidentArguments> => {
    const { key, title, severity, mode, alert, playbook, inputs, channel, requester } = request;
    const opening = await signer.sign<Opening>({
      type: 'firebreak/opening/v1',
      incident,
      playbook: playbook.digest,
      inputs: digest(inputs),
      mode,
      severity,
      requester,
      ...(alert === null ? {} : { about: { cluster: alert.cluster, namespace: alert.namespace } }),
      approvals: approvalsOf(playbook.playbook, policy.approval),
      release: policy.release,
      at: now().toISOString(),
    });
    const input: IncidentArguments = {
      incident,
      key,
      ...(predecessor === undefined ? {} : { predecessor }),
      title,
      severity,
      mode,
      alert,
      playbook: playbook.playbook,
      playbookDigest: playbook.digest,
      source: sourceOf(playbook),
      inputs,
      policy: channel === undefined ? policy : { ...policy, channel },
      opening,
      requester,
    };
    const size = Buffer.byteLength(JSON.stringify(input));
    if (size > maxInput) {
      throw new Problem(
        422,
        'FB1212',
        `the incident's input has ${size} bytes, of ${maxInput} at most: shorten the playbook or the list of people`,
      );
    }
    return input;
  };
}

/** Who must agree to each step that asks somebody, at any depth, by its path in the playbook. */
function approvalsOf(playbook: Playbook, usual: Approval): { [path: string]: Approval } {
  const approvals: [string, Approval][] = [];
  for (const { path, step } of walkSteps(playbook)) {
    if (step.kind === 'action') approvals.push([path, step.approve ?? usual]);
    else if (step.kind === 'approve') approvals.push([path, step.approve]);
    else if (step.kind === 'ask')
      approvals.push([path, { from: step.from, count: 1, withinMs: step.withinMs, otherwise: 'deny' }]);
  }
  return Object.fromEntries(approvals);
}

/** The file by its folder and name: where on a machine it lay is nobody's business. */
function sourceOf({ file, commit }: CompiledPlaybook): NonNullable<IncidentArguments['source']> {
  const parts = file.split(/[\\/]/).filter((part) => part !== '' && part !== '.');
  return { file: parts.slice(-2).join('/'), ...(commit === undefined ? {} : { commit }) };
}
