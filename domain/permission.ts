/** Which of an action's verbs needs it. */
export type Verb = 'plan' | 'apply' | 'verify' | 'undo';

/** A rule of the engine's RBAC. */
export interface KubernetesPermission {
  system: 'kubernetes';
  /** `cluster`: a ClusterRole rule. The engine acts in any namespace it is told to contain. */
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
  /** Needed in this cluster only, by its configured name; in each one when absent. */
  cluster?: string;
  /** Granted in this namespace only (a Role); in all of them when absent. */
  namespace?: string;
  why: string;
  verb: Verb;
}

/** A statement of the engine's IAM policy. Account and region are filled in from the configuration. */
export interface AwsPermission {
  system: 'aws';
  /** `iam:UpdateAccessKey` …: no wildcard. */
  actions: string[];
  /** ARNs with `${account}` and `${region}` for what the configuration knows, e.g. `arn:aws:iam::${account}:user/*`. */
  resources: string[];
  /** Needed in this account only, by its configured name; in each one where the action is used when absent. */
  account?: string;
  conditions?: { [operator: string]: { [key: string]: string | string[] } };
  why: string;
  verb: Verb;
}

/** A right that its system grants by a scope or a role of a token, not by a policy that could be generated. */
export interface ServicePermission {
  system: 'github' | 'gitlab' | 'harbor' | 'registry' | 'prometheus';
  /** As the vendor calls it: `actions: write`, `api`, `robot: update`. */
  scope: string;
  why: string;
  verb: Verb;
}

/** A right with its reason: least-privilege manifests are generated from these. */
export type Permission = KubernetesPermission | AwsPermission | ServicePermission;
