import { worst, type Claim, type Verification } from '../../../domain/action.ts';
import { isAsDesired } from '../quarantine/marks.ts';
import { findNamespace } from '../quarantine/target.ts';
import { find } from '../quarantine/write.ts';
import { named } from '../restart/left.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import { blockObjects, policyName } from './policy.ts';
import { claimOf, tryAll } from './probe.ts';
import { sort } from './replace.ts';
import { findRunning, nameOf } from './running.ts';
import type { Work } from './target.ts';

/** Measures the block by dry runs, as somebody whom it does not exempt. */
export async function verify(work: Work): Promise<Verification> {
  const { cluster, context, rule, hold, responderGroup } = work;
  const { signal } = context;
  const name = policyName(work);
  const wanted = blockObjects({ hold, rule, responderGroup });
  const actual = await Promise.all([
    find(cluster, { ...resources.validatingAdmissionPolicies, name }, signal),
    find(cluster, { ...resources.validatingAdmissionPolicyBindings, name }, signal),
  ]);
  const [tried, namespaces, replaced] = await Promise.all([
    tryAll(work),
    namespaceClaims(work),
    replacement(work),
  ]);
  const claims = [
    ...wanted.map((object, at) => inPlace(object, actual[at])),
    ...namespaces,
    ...tried.map(claimOf),
    ...replaced,
  ];
  const standing = wanted.filter((object, at) => isStanding(object, actual[at])).length;
  const none = actual.every((object) => object === undefined);
  const state = standing === wanted.length ? 'in-place' : none ? 'absent' : 'partial';
  return { state, verdict: worst(claims), claims };
}

function isStanding(wanted: KubernetesObject, actual: KubernetesObject | undefined): boolean {
  return actual !== undefined && isAsDesired(actual, wanted);
}

function inPlace(wanted: KubernetesObject, actual: KubernetesObject | undefined): Claim {
  const claim = `${wanted.kind} ${wanted.metadata.name} stands as Firebreak made it`;
  if (isStanding(wanted, actual)) return { claim, verdict: 'verified', detail: 'read from the API' };
  const detail = actual === undefined ? 'it does not exist' : 'it has been altered, or is being deleted';
  return { claim, verdict: 'failed', detail };
}

/** A covered namespace that has gone, or come again, is covered by its name. */
async function namespaceClaims({ cluster, context, targets }: Work): Promise<Claim[]> {
  const claims = await Promise.all(
    targets.map(async ({ kind, name, uid }): Promise<Claim[]> => {
      if (kind === 'Cluster') return [];
      const found = await findNamespace(cluster, name, context.signal);
      if (found?.metadata.uid === uid) return [];
      const detail = found === undefined ? 'it does not exist any more' : 'another one has its name now';
      return [
        {
          claim: `namespace ${name} is the one that was approved`,
          verdict: 'unverifiable',
          detail: `${detail}; the block holds for whatever has its name`,
        },
      ];
    }),
  );
  return claims.flat();
}

/** Only where it was asked for: otherwise pods that run are said, and claimed nothing of. */
async function replacement(work: Work): Promise<Claim[]> {
  if (work.cap === undefined) return [];
  const running = await findRunning(work.cluster, work.rule, work.context.signal);
  const { replaceable, unfit } = await sort(work, running.items);
  const claim = 'no pod with a denied digest is left that its controller would replace';
  const beside =
    unfit.length === 0
      ? ''
      : `; ${unfit.length} others run on: ${named(unfit.map(({ pod }) => nameOf(pod)))}`;
  if (running.missing !== undefined) return [{ claim, verdict: 'unverifiable', detail: running.missing }];
  return replaceable.length === 0
    ? [{ claim, verdict: 'verified', detail: `read from the API${beside}` }]
    : [{ claim, verdict: 'failed', detail: `${named(replaceable.map(nameOf))}${beside}` }];
}
