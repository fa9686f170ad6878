import type { Limit } from '../../../domain/action.ts';
import { isObject } from '../../../domain/json.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import { controllerOf, labelOf, type Workload } from '../workload/kinds.ts';
import type { RollbackInput } from './contract.ts';
import { owned } from './failures.ts';

/** By which labels and annotations, and under which names as field managers, tools of delivery are known. */
const gitops: { by: string; keys: string[]; managers: string[]; fix: string }[] = [
  {
    by: 'Argo CD',
    keys: ['argocd.argoproj.io/instance', 'argocd.argoproj.io/tracking-id'],
    managers: ['argocd-controller', 'argocd-application-controller'],
    fix: 'suspend its syncs',
  },
  {
    by: 'Flux',
    keys: ['kustomize.toolkit.fluxcd.io/name'],
    managers: ['kustomize-controller'],
    fix: 'suspend its Kustomization',
  },
  {
    by: 'Flux',
    keys: ['helm.toolkit.fluxcd.io/name'],
    managers: ['helm-controller'],
    fix: 'suspend its HelmRelease',
  },
];

/**
 * Who would bring the workload back, for a plan.
 * @throws FirebreakError FB3242 for an operator, and for GitOps where the input does not say to go on
 */
export function deliveryLimits(workload: Workload, { gitops: onGitops }: RollbackInput): Limit[] {
  const what = labelOf(workload);
  const controller = controllerOf(workload);
  if (controller !== undefined) {
    const by = oneLine(`${controller.kind} ${controller.name}`, 200);
    throw owned(what, by, `roll back ${by} itself, or let go of the workload first`);
  }
  const { labels = {}, annotations = {} } = workload.metadata;
  const limits: Limit[] = [];
  const managers = managersOf(workload);
  for (const { by, keys, managers: its, fix } of gitops) {
    const key = keys.find((one) => Object.hasOwn(labels, one) || Object.hasOwn(annotations, one));
    const manager = its.find((one) => managers.has(one));
    if (key === undefined && manager === undefined) continue;
    const sign =
      key === undefined
        ? `${manager ?? ''} wrote it`
        : `${key}: ${oneLine(labels[key] ?? annotations[key] ?? '', 200)}`;
    if (onGitops === 'refuse') throw owned(what, `${by} (${sign})`, `${fix}, and say with.gitops: warn`);
    limits.push({
      code: 'gitops',
      text: `${by} delivers it (${sign}) and will revert the rollback, unless its delivery is suspended: ${fix}.`,
      objects: [what],
      count: 1,
    });
  }
  const release = annotations['meta.helm.sh/release-name'];
  if (release !== undefined)
    limits.push({
      code: 'helm',
      text: `Helm release ${oneLine(release, 200)} made it: its next upgrade or rollback brings back what its chart says.`,
    });
  const instance = labels['app.kubernetes.io/instance'];
  if (instance !== undefined && release === undefined && limits.length === 0)
    limits.push({
      code: 'perhaps-gitops',
      text: `Argo CD may deliver it (app.kubernetes.io/instance: ${oneLine(instance, 200)}), as it marks what is its own until version 3: then it reverts the rollback, unless its syncs are suspended.`,
    });
  return limits;
}

/** Who wrote into an object, by the names that they gave themselves. */
function managersOf({ metadata }: Workload): Set<unknown> {
  const { managedFields } = metadata;
  return new Set(
    Array.isArray(managedFields)
      ? managedFields.map((entry: unknown) => (isObject(entry) ? entry['manager'] : undefined))
      : [],
  );
}
