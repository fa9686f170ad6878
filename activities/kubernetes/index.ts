import type { Action } from '../../domain/action.ts';
import { blockImages } from './block-images.ts';
import { collectEvidence } from './collect-evidence.ts';
import { quarantineNamespace, type KubernetesOptions } from './quarantine-namespace.ts';
import { readNamespace } from './read-namespace.ts';
import { revokeServiceAccountTokens } from './revoke-service-account-tokens.ts';
import { rollbackCanary } from './rollback-canary.ts';
import { rollbackWorkload } from './rollback-workload.ts';
import { rotateSecret } from './rotate-secret.ts';

/** Every action on Kubernetes. A new one is a file and a line here. Whoever calls one parses its input by its own schema first. */
export function kubernetesActions(options: KubernetesOptions): Action[] {
  return [
    quarantineNamespace(options),
    collectEvidence(options),
    readNamespace(options),
    revokeServiceAccountTokens(options),
    rotateSecret(options),
    rollbackCanary(options),
    rollbackWorkload(options),
    blockImages(options),
  ];
}
