import type { Action } from '../../domain/action.ts';
import { collectEvidence } from './collect-evidence.ts';
import { quarantineNamespace, type KubernetesOptions } from './quarantine-namespace.ts';

export type { KubernetesOptions } from './quarantine-namespace.ts';

/** Every action on Kubernetes. A new one is a file and a line here. */
export function kubernetesActions(options: KubernetesOptions): Action[] {
  // The catalogue holds actions of many inputs; whoever calls one parses its input by its own schema first.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return [quarantineNamespace(options), collectEvidence(options)] as unknown as Action[];
}
