import { z } from 'zod';
import type { Action } from '../../domain/action.ts';
import type { ImageAssessor } from '../../domain/image.ts';
import type { SecretStores } from '../../domain/secret.ts';
import type { ImagePolicy } from '../images/policy.ts';
import type { ClusterRegistry } from './client.ts';
import { typed } from '../failure.ts';
import { apply } from './quarantine/apply.ts';
import { alwaysNotCovered } from './quarantine/limits.ts';
import { quarantinePermissions } from './quarantine/permissions.ts';
import { plan } from './quarantine/plan.ts';
import { undo } from './quarantine/undo.ts';
import { verify } from './quarantine/verify.ts';
import { isNamespaceName } from './resources.ts';

export interface KubernetesOptions {
  clusters: ClusterRegistry;
  /** The Kubernetes group whose members may act in a frozen namespace. */
  responderGroup: string;
  /** Where a new value may come from. */
  secrets: SecretStores;
  /** Whether an image may run. */
  images: ImageAssessor;
  /** The image policy in force, for what is written for a cluster's own verifier; undefined where none is configured. */
  imagePolicy?: () => Promise<ImagePolicy | undefined>;
}

const name = 'kubernetes.quarantine-namespace';

const input = z.strictObject({
  cluster: z.string().min(1).max(253).describe('Name of the cluster as configured'),
  namespace: z
    .string()
    .refine(isNamespaceName, 'must be the name of a namespace')
    .describe('Namespace to quarantine'),
});
type Input = z.infer<typeof input>;

/** Cuts a namespace off the network and freezes it, without stopping anything in it. */
export function quarantineNamespace({
  clusters,
  responderGroup,
}: Pick<KubernetesOptions, 'clusters' | 'responderGroup'>): Action<Input> {
  return {
    name,
    title: 'Quarantine a namespace',
    summary:
      'Denies all traffic of all pods in a namespace, both ways, and freezes it: nobody but Firebreak and the responder group can exec, attach, port-forward, deploy, ' +
      'delete or change policies there. Pods keep running, so memory and logs stay. The release puts every removed policy back as it was.',
    effect: 'contain',
    input,
    outputs: {
      type: 'object',
      required: ['removedPolicies', 'freeze', 'policy', 'kit'],
      properties: {
        removedPolicies: {
          type: 'integer',
          description: 'NetworkPolicies of the base snapshot that are removed',
        },
        freeze: { type: 'string', description: 'Name of the ValidatingAdmissionPolicy' },
        policy: { type: 'string', description: 'Name of the NetworkPolicy that denies all' },
        kit: { type: 'string', description: 'namespace/name of the ConfigMap that holds the release kit' },
      },
      additionalProperties: false,
    },
    permissions: quarantinePermissions,
    notCovered: alwaysNotCovered,
    timing: {
      planMs: 30_000,
      applyMs: 120_000,
      verifyMs: 60_000,
      undoMs: 120_000,
      heartbeatMs: 10_000,
      attempts: 5,
    },
    holds: true,
    plan: (context, request) =>
      typed(() =>
        plan(name, clusters(request.input.cluster), responderGroup, context, request.input.namespace),
      ),
    apply: (context, mandate) =>
      typed(() => apply(clusters(mandate.input.cluster), responderGroup, context, mandate)),
    verify: (context, mandate) =>
      typed(() => verify(clusters(mandate.input.cluster), responderGroup, context, mandate)),
    undo: (context, mandate) =>
      typed(() => undo(clusters(mandate.input.cluster), responderGroup, context, mandate)),
  };
}
