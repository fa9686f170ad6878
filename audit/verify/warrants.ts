import { claimed } from '../claimed.ts';
import type { ActionSignature, Authority, Mandate } from '../../domain/action.ts';
import type { Gate, Opening, Warrant } from '../../domain/decision.ts';
import { failureTypes } from '../../domain/failure-types.ts';
import { canonical, digest, type Json } from '../../domain/json.ts';
import type { PublicKey, Signed } from '../../domain/signature.ts';
import { authorisesApply, authorisesUndo, isWhereSeen } from '../../domain/warrant.ts';
import { pathOfAddress } from '../../language/run/playbook.ts';
import type { IncidentArguments, Seal } from '../../workflows/contract.ts';
import { quote, type Findings } from '../findings.ts';
import { activitiesOf, failureTypeOf, object } from '../history.ts';
import { checkGatewaySignature, type OpenedGate } from './decisions.ts';
import type { Run } from './runs.ts';

/** The frozen input: opened through the gateway, with this playbook, these inputs, this mode; judged under the sealed keys. */
export function checkOpening(
  run: Run,
  seal: Seal | undefined,
  keys: readonly PublicKey[],
  findings: Findings,
): void {
  const input = claimed<IncidentArguments>(run.input);
  const at = 'event 1';
  const opening: Signed<Opening> = input.opening;
  const before = findings.count;
  checkGatewaySignature(opening, 'firebreak/opening/v1', keys, run.file, at, 'the opening', findings);
  if (findings.count > before) {
    findings.add(
      'FB5609',
      run.file,
      at,
      'nothing that the gateway signed says that this incident was opened',
    );
  }
  const expected = {
    incident: input.incident,
    playbook: digest(input.playbook),
    inputs: digest(input.inputs),
    mode: input.mode,
    requester: input.requester,
  };
  for (const [name, value] of Object.entries(expected)) {
    const found = object(claimed(opening.payload))[name];
    if (found !== value) {
      findings.add('FB5609', run.file, at, `the opening is about another ${name}`, {
        expected: value,
        found,
      });
    }
  }
  if (input.playbookDigest !== expected.playbook) {
    findings.add('FB5901', run.file, at, 'the digest beside the playbook is not its own', {
      expected: expected.playbook,
      found: input.playbookDigest,
    });
  }
  if (seal !== undefined && canonical(seal.gatewayKeys) !== canonical(input.policy.gatewayKeys)) {
    findings.add(
      'FB5610',
      run.file,
      at,
      'the keys that the incident believed are not those that were sealed',
      {
        expected: seal.gatewayKeys.map(({ id }) => id),
        found: input.policy.gatewayKeys.map(({ id }) => id),
      },
    );
  }
}

/** Every activity that changes the world: what entitled it, against the votes that count. */
export function checkWarrants(
  runs: readonly Run[],
  gates: ReadonlyMap<string, OpenedGate>,
  findings: Findings,
): void {
  for (const run of runs) {
    const input = claimed<IncidentArguments>(run.input);
    for (const activity of activitiesOf(run.events)) {
      const verb = activity.type.slice(activity.type.lastIndexOf('.') + 1);
      if (verb !== 'apply' && verb !== 'undo') continue;
      const action = activity.type.slice(0, -verb.length - 1);
      // Reading changes nothing and needs nobody's leave.
      if (input.playbook.actions[action]?.effect === 'read') continue;
      const { mandate, warrant } = claimed<{ mandate?: Mandate; warrant?: Warrant }>(activity.input);
      const at = `event ${activity.event}`;
      if (warrant === undefined || mandate === undefined) {
        findings.add('FB5608', run.file, at, `${quote(activity.type, 120)} was scheduled without a warrant`);
      } else {
        const signature = input.playbook.actions[action];
        checkOne(run, at, activity.type, signature, mandate, warrant, gates, findings);
        // The workflow asks without this rule, and the worker refuses: then nothing was changed.
        const isRefused = failureTypeOf(run.events, activity.event) === failureTypes.unauthorised;
        if (warrant.gate === undefined && verb === 'apply' && !isRefused)
          checkReach(run, at, activity.type, mandate, findings);
      }
    }
  }
}

function checkOne(
  run: Run,
  at: string,
  activity: string,
  signature: ActionSignature | undefined,
  mandate: Mandate,
  warrant: Warrant,
  gates: ReadonlyMap<string, OpenedGate>,
  findings: Findings,
): void {
  const input = claimed<IncidentArguments>(run.input);
  const what = quote(activity, 120);
  if (warrant.gate === undefined) {
    // Automatic mode contains, and nothing else.
    const isAutomatic =
      warrant.automatic && input.opening.payload.mode === 'automatic' && signature?.effect === 'contain';
    if (!isAutomatic || activity.endsWith('.undo')) {
      findings.add(
        'FB5608',
        run.file,
        at,
        `${what} ran without a person's approval in mode ${quote(input.opening.payload.mode)}`,
      );
    }
    return;
  }
  const opened = gates.get(warrant.gate.id);
  if (opened === undefined || canonical(opened.gate) !== canonical(warrant.gate)) {
    findings.add('FB5605', run.file, at, `${what} ran under a gate that the ledger did not open`, {
      expected: claimed<Json | undefined>(opened?.gate) ?? null,
      found: claimed(warrant.gate),
    });
    return;
  }
  if (!opened.gate.authorities.some((authority) => sameAuthority(authority, mandate.authority))) {
    findings.add(
      'FB5611',
      run.file,
      at,
      `${what} ran under an authority that gate ${quote(opened.gate.id, 80)} does not name`,
    );
  }
  const { effect, undoApproval } = signature ?? {};
  const isCovered = activity.endsWith('.undo')
    ? authorisesUndo(opened.gate, { effect, undoApproval })
    : authorisesApply(opened.gate);
  if (!isCovered) {
    findings.add(
      'FB5611',
      run.file,
      at,
      `${what} ran under a gate whose purpose is ${quote(opened.gate.purpose, 80)}`,
    );
  }
  const isRestored = opened.gate.purpose === 'release' || opened.gate.purpose === 'undo';
  if (isRestored && !(opened.gate.base ?? []).includes(mandate.base.digest)) {
    findings.add('FB5611', run.file, at, `${what} restored a snapshot that was not approved`, {
      expected: opened.gate.base ?? [],
      found: mandate.base.digest,
    });
  }
  checkBornOut(run, at, what, mandate, warrant, opened.gate, findings);
  // Whatever a gate says, one person at least has to agree.
  const count = Math.max(1, opened.gate.approval.count);
  if (opened.approved.size < count || opened.denied.size > 0) {
    findings.add(
      'FB5607',
      run.file,
      at,
      `${what} ran under gate ${quote(opened.gate.id, 80)} without the votes it needs`,
      {
        expected: `${count} approvals, no denial`,
        found: `${opened.approved.size} approvals, ${opened.denied.size} denials`,
      },
    );
  }
}

/** What no person approved is where the alert was seen, as the gateway signed it. */
function checkReach(run: Run, at: string, activity: string, mandate: Mandate, findings: Findings): void {
  const { payload } = claimed<IncidentArguments>(run.input).opening;
  if (isWhereSeen(mandate, payload)) return;
  findings.add(
    'FB5616',
    run.file,
    at,
    `${quote(activity, 120)} ran without a person's approval on something else than the alert is about`,
    {
      expected: claimed<Json | undefined>(payload.about) ?? null,
      found: mandate.authority.targets.map(({ kind, cluster, namespace = '', name }) => ({
        kind,
        cluster,
        namespace,
        name,
      })),
    },
  );
}

/** A gate asks for what the gateway signed when the incident was opened; a release, besides, for whom the gateway says that he asked. */
function checkBornOut(
  run: Run,
  at: string,
  what: string,
  mandate: Mandate,
  warrant: Warrant,
  gate: Gate,
  findings: Findings,
): void {
  const input = claimed<IncidentArguments>(run.input);
  const { approvals, release, requester } = claimed<Partial<Opening>>(input.opening.payload);
  const isRelease = gate.purpose === 'release';
  const path = pathOfAddress(mandate.step);
  const wanted = isRelease
    ? release
    : approvals !== undefined && Object.hasOwn(approvals, path)
      ? approvals[path]
      : undefined;
  if (canonical(gate.approval) !== canonical(wanted ?? null)) {
    findings.add('FB5612', run.file, at, `${what} needed other approvals than the incident was opened with`, {
      expected: claimed<Json | undefined>(wanted) ?? null,
      found: claimed(gate.approval),
    });
  }
  let asked: string | undefined = requester;
  if (isRelease) {
    const { request } = warrant;
    if (request === undefined) {
      findings.add('FB5612', run.file, at, `nothing that the gateway signed asks for ${what}`);
      return;
    }
    checkGatewaySignature(
      request,
      'firebreak/command/v1',
      input.policy.gatewayKeys,
      run.file,
      at,
      'the request',
      findings,
    );
    const { command, then, incident, person } = request.payload;
    // Cancelling with `undo` asks for the release as well.
    const asks = command === 'release' || (command === 'cancel' && then === 'undo');
    asked = asks && incident === gate.incident ? person : undefined;
  }
  if (asked !== gate.requester) {
    findings.add('FB5612', run.file, at, `${what} names another requester than the gateway does`, {
      expected: asked ?? null,
      found: gate.requester,
    });
  }
}

function sameAuthority(left: Authority, right: Authority): boolean {
  return canonical(left) === canonical(right);
}
