import { z } from 'zod';
import { clusterRegistry, createCluster, type ClusterRegistry } from '../activities/kubernetes/client.ts';
import { kubernetesActions } from '../activities/kubernetes/index.ts';
import type { Action, ActionSignature } from '../domain/action.ts';
import { jsonCopy } from '../domain/json.ts';
import type { Configuration } from './config/load.ts';

export interface Catalogue {
  actions: Action[];
  signatures: ActionSignature[];
  clusters: ClusterRegistry;
}

/** Every action there is, over the configured clusters. Without a configuration they can be described, and not run. */
export function catalogue(configuration?: Pick<Configuration, 'clusters' | 'responderGroup'>): Catalogue {
  const clusters = clusterRegistry((configuration?.clusters ?? []).map((cluster) => createCluster(cluster)));
  const actions = kubernetesActions({
    clusters,
    responderGroup: configuration?.responderGroup ?? 'firebreak:responders',
  });
  return { actions, signatures: actions.map(signatureOf), clusters };
}

function signatureOf(action: Action): ActionSignature {
  return {
    name: action.name,
    effect: action.effect,
    timing: action.timing,
    holds: action.holds,
    ...(action.evidence === undefined ? {} : { evidence: action.evidence }),
    input: jsonCopy(z.toJSONSchema(action.input, { io: 'input' })),
    outputs: action.outputs,
  };
}
