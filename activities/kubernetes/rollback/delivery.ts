import type { Limit } from '../../../domain/action.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import { controllerOf, labelOf, type Workload } from '../workload/kinds.ts';
import type { RollbackInput } from './contract.ts';
import { owned } from './failures.ts';

/** Labels and annotations by which the tools of delivery know what is theirs. */
const gitops: { by: string; keys: string[]; fix: string }[] = [
  {
    by: 'Argo CD',
    keys: ['argocd.argoproj.io/instance', 'argocd.argoproj.io/tracking-id'],
    fix: 'suspend its syncs',
  },
  { by: 'Flux', keys: ['kustomize.toolkit.fluxcd.io/name'], fix: 'suspend its Kustomization' },
  { by: 'Flux', keys: ['helm.toolkit.fluxcd.io/name'], fix: 'suspend its HelmRelease' },
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
  for (const { by, keys, fix } of gitops) {
    const key = keys.find((one) => Object.hasOwn(labels, one) || Object.hasOwn(annotations, one));
    if (key === undefined) continue;
    const value = oneLine(labels[key] ?? annotations[key] ?? '', 200);
    if (onGitops === 'refuse')
      throw owned(what, `${by} (${key}: ${value})`, `${fix}, and say with.gitops: warn`);
    limits.push({
      code: 'gitops',
      text: `${by} delivers it (${key}: ${value}) and will revert the rollback, unless its delivery is suspended: ${fix}.`,
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
  return limits;
}
