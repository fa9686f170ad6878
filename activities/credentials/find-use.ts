import type {
  Action,
  ActionContext,
  Applied,
  Authority,
  Mandate,
  Plan,
  Target,
} from '../../domain/action.ts';
import { canonical, type JsonObject } from '../../domain/json.ts';
import { oneLine } from '../../domain/safe-text.ts';
import { typed } from '../failure.ts';
import { nothingToUndo } from '../kubernetes/nothing-to-undo.ts';
import { input, limitsOf, notCovered, outputs, permissions, type FindUseInput } from './find-use/contract.ts';
import { frozenWindowOf, keepRecord, recordName } from './find-use/evidence.ts';
import { readUses } from './find-use/read.ts';
import { outputsOf, recordOf, shortened } from './find-use/summary.ts';
import { soughtOf, type Sought, type Systems } from './find-use/systems.ts';
import { verify } from './find-use/verify.ts';
import { frozen, readable } from './find-use/window.ts';

const name = 'credentials.find-use';

/**
 * Finds who used a credential in a window, from what its system keeps: CloudTrail and IAM, a registry's notifications or audit log, the audit log of a
 * cluster. What could not be had is told, and never read as "not used".
 */
export function findUse(systems: Systems): Action<FindUseInput> {
  return {
    name,
    title: 'Find who used a credential',
    summary:
      'Says when a credential was used in a window, as whom and where from, and which images and tags were pushed with it: a key of AWS, a user of a ' +
      'registry, a ServiceAccount or one token of it. What a system does not keep, or did not give, is told.',
    effect: 'read',
    holds: false,
    input,
    outputs,
    permissions,
    notCovered,
    timing: {
      planMs: 30_000,
      applyMs: 660_000,
      verifyMs: 660_000,
      undoMs: 10_000,
      heartbeatMs: 30_000,
      attempts: 3,
    },
    plan: (context, request) => typed(() => plan(context, soughtOf(systems, request.input), request.input)),
    apply: (context, mandate) => typed(() => apply(context, systems, mandate)),
    verify: (context, mandate) => typed(() => verify(context, systems, mandate)),
    undo: nothingToUndo,
  };
}

async function plan(context: ActionContext, sought: Sought, { window }: FindUseInput): Promise<Plan> {
  const { kind, place, environment, words } = sought;
  const frozenWindow = frozen(window, context.now());
  const target: Target = { kind, cluster: place, name: sought.name, uid: sought.uid };
  const end = frozenWindow.until === undefined ? 'until it is read' : `to ${frozenWindow.until}`;
  const authority: Authority = {
    action: name,
    targets: [target],
    rule: `read who used ${words} from ${frozenWindow.since} ${end}; change nothing`,
    caps: {},
    undo: 'none',
  };
  const limits = [...limitsOf[sought.of], ...notCovered];
  // Small, and what apply and verify read the window from.
  const snapshot = await context.evidence.put(canonical(frozenWindow), 'application/json', {
    essential: true,
  });
  const full = await context.evidence.put(
    canonical({ authority, window: frozenWindow, notCovered: limits }),
    'application/json',
    { essential: true },
  );
  return {
    action: name,
    authority,
    facts: [{ cluster: place, namespace: '', principal: sought.name, supports: [], pods: 0, environment }],
    changes: [],
    changeCount: 0,
    notCovered: limits,
    undo: { kind: 'none', text: 'There is nothing to undo.' },
    description: {
      title: `Find who used ${words}`,
      ifApproved: [`What its system keeps is read, from ${frozenWindow.since} ${end}. Nothing changes.`],
      ifDenied: ['Nobody learns what was done with it.'],
    },
    snapshot,
    full,
  };
}

async function apply(
  context: ActionContext,
  systems: Systems,
  mandate: Mandate<FindUseInput>,
): Promise<Applied> {
  const began = performance.now();
  const sought = soughtOf(systems, mandate.input);
  const window = readable(await frozenWindowOf(context, mandate), context.now());
  const uses = await readUses(context, mandate.incident, sought, window);
  await context.checkpoint(`${name}: read`);
  const record = recordOf(sought.words, window, {
    uses: uses.list(),
    left: uses.left,
    unavailable: uses.unavailable,
  });
  const ref = await keepRecord(context, mandate, record, sought.place);
  const unavailable = shortened(record.unavailable);
  const full =
    ref === undefined ? [{ what: recordName(mandate.step), why: 'the evidence store is full' }] : [];
  const given: JsonObject = outputsOf(record, ref?.digest ?? '');
  return {
    changes: [],
    already: 0,
    measures: { readMs: Math.round(performance.now() - began), events: record.events },
    outputs: given,
    artefacts: ref === undefined ? [] : [ref],
    unavailable: [...unavailable, ...full].map(({ what, why }) => ({
      what: oneLine(what, 200),
      why: oneLine(why, 500),
    })),
  };
}
