import type { Limit } from '../../../domain/action.ts';
import { builtInProtected } from '../../../domain/guardrails.ts';

/** True of every block, whatever the cluster looks like. */
export const alwaysNotCovered: Limit[] = [
  {
    code: 'running-pods',
    text: 'Pods that run already: they go on, and their containers restart with the images that their nodes have.',
  },
  {
    code: 'no-signatures',
    text: 'Signatures: admission compares digests with the lists of this plan, and checks no signature of anything.',
  },
  {
    code: 'tags-elsewhere',
    text: 'Outside the covered namespaces a denied image starts still where it is named by a tag, by the id that a node knows it by, or by another digest: of a child of an index, of a copy, or by another algorithm.',
  },
  {
    code: 'protected-namespaces',
    text: `Namespaces that Firebreak never touches (${builtInProtected.join(', ')}): nothing is refused there, so whoever may make a namespace of such a name gets past it.`,
  },
  {
    code: 'static-pods',
    text: 'Static pods, which a node starts from its own files, and whatever is started on a node past the API.',
  },
  {
    code: 'cluster-admin',
    text: 'Whoever may delete admission policies, or act as a member of the responder group, gets past it: it cannot guard itself.',
  },
  {
    code: 'other-clusters',
    text: 'Other clusters, and the registry: the image can be pulled and run elsewhere.',
  },
  {
    code: 'later-mutation',
    text: 'Workloads of kinds that Kubernetes does not know: they are refused only once they make pods. What mutating webhooks make of a pod is judged as they leave it.',
  },
];

/** `code` and `text` with the objects it concerns, if there are any. */
export function limitOf(code: string, text: string, objects: readonly string[]): Limit[] {
  return objects.length === 0 ? [] : [{ code, text, objects: objects.slice(0, 20), count: objects.length }];
}
