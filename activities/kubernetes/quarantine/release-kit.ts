import type { Digest } from '../../../domain/json.ts';
import { FirebreakError } from '../../../domain/errors.ts';
import { isNamespaceName, type KubernetesObject } from '../resources.ts';
import { freezeName, kitName, kitNamespace, mark, meaning, quarantinePolicyName } from './marks.ts';

export interface KitSource {
  cluster: string;
  namespace: string;
  uid: string;
  /** The policies that the quarantine removes or overwrites. */
  removed: readonly KubernetesObject[];
  /** The base's other policies: put back only where the quarantine has turned one into its deny. */
  others: readonly KubernetesObject[];
  base: Digest;
}

/** A ConfigMap holds 1 MiB with its metadata. */
const MAX_CONFIG_MAP_BYTES = 1_000_000;

/**
 * A POSIX shell script that releases a namespace with kubectl alone. Safe to run twice; it keeps what others have changed, and refuses another namespace
 * of the same name.
 */
export function releaseScript({ cluster, namespace, uid, removed, others, base }: KitSource): string {
  if (!isNamespaceName(namespace)) throw unfit('namespace', namespace);
  if (!/^[0-9a-f-]{1,64}$/.test(uid)) throw unfit('UID', uid);
  const freeze = freezeName(uid);
  // What was turned into the deny keeps it until all the others are back.
  const names = new Set(removed.map(({ metadata }) => metadata.name));
  const commands = [
    ...removed.filter((policy) => !isLast(policy)).map((policy) => restoreCommand('restore', policy)),
    ...others
      .filter(({ metadata }) => !names.has(metadata.name))
      .map((policy) => restoreCommand('revert', policy)),
    ...removed.filter(isLast).map((policy) => restoreCommand('revert', policy)),
  ];
  const mark = String.raw`jsonpath={.metadata.name}/{.metadata.annotations.firebreak\.dev/hold}`;
  return `#!/bin/sh
# Releases namespace ${namespace} of cluster ${comment(cluster)} from its quarantine, without Firebreak.
#
# Needs kubectl, logged in to that cluster as a member of the responder group. It
#   1. puts back the ${removed.length} NetworkPolicies that were removed or overwritten (base snapshot ${base}),
#   2. removes the NetworkPolicy that denies all traffic, and the admission freeze ${freeze}.
# It may be run again. An object that somebody has changed since is kept as it is, and named.
#   KUBECTL="kubectl --context production" sh release.sh
set -eu
kubectl=\${KUBECTL:-kubectl}
kept=0

uid=$($kubectl get namespace '${namespace}' -o 'jsonpath={.metadata.uid}')
if [ "$uid" != '${uid}' ]; then
  echo "refused: namespace ${namespace} is another one than was quarantined (its UID is $uid)" >&2
  exit 1
fi

policy=networkpolicies.networking.k8s.io
held=$($kubectl get "$policy" -n '${namespace}' -l app.kubernetes.io/managed-by=firebreak -o 'jsonpath={range .items[*]}{.metadata.name}{" "}{end}')

back=
restore() {
  back="$back $1"
  found=$($kubectl get "$policy" "$1" -n '${namespace}' --ignore-not-found -o '${mark}')
  case $found in
    '') $kubectl create -n '${namespace}' -f - || failed "$1" ;;
    */'${uid}') $kubectl replace -n '${namespace}' -f - || failed "$1" ;;
    *) echo "kept: networkpolicy $1 is there already"; cat >/dev/null ;;
  esac
}

failed() {
  echo "not put back: networkpolicy $1; if a quota refused it, run this again" >&2
  kept=1
}

revert() {
  case " $held " in
    *" $1 "*) restore "$1" ;;
    *) cat >/dev/null ;;
  esac
  back="$back $1"
}

remove() {
  found=$($kubectl get "$@" --ignore-not-found -o '${mark}')
  case $found in
    '') echo "gone already: $*" ;;
    */'${uid}') $kubectl delete "$@" --ignore-not-found --wait=false ;;
    *) echo "kept: $* does not bear this hold's mark" >&2; kept=1 ;;
  esac
}

${commands.join('')}for name in $held; do
  case " $back " in
    *" $name "*) ;;
    *) remove "$policy" "$name" -n '${namespace}' ;;
  esac
done
remove validatingadmissionpolicybindings.admissionregistration.k8s.io '${freeze}'
remove validatingadmissionpolicies.admissionregistration.k8s.io '${freeze}'
[ "$kept" = 0 ] || { echo 'released but for what is named above' >&2; exit 3; }
remove configmaps '${kitName(namespace)}' -n '${kitNamespace}'
echo 'released: namespace ${namespace}'
`;
}

function isLast({ metadata }: KubernetesObject): boolean {
  return metadata.name === quarantinePolicyName;
}

/** The line that releases with kubectl alone. */
export function releaseCommand(namespace: string): string {
  return `kubectl get configmap ${kitName(namespace)} -n ${kitNamespace} -o 'jsonpath={.data.release\\.sh}' | sh`;
}

/** The kit as it is stored in the cluster; when it is too large, only where to find it. */
export function kitConfigMap(
  source: KitSource,
  script: string,
): { object: KubernetesObject; whole: boolean } {
  const whole = Buffer.byteLength(script) <= MAX_CONFIG_MAP_BYTES;
  const readme = whole
    ? `${releaseCommand(source.namespace)}\n`
    : `The script is too large for a ConfigMap. It is in the evidence store; the base snapshot is ${source.base}.\n`;
  const { labels, annotations } = mark(source.uid);
  return {
    whole,
    object: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: kitName(source.namespace),
        namespace: kitNamespace,
        ...(labels === undefined ? {} : { labels }),
        annotations: { ...annotations, 'firebreak.dev/base': source.base },
      },
      data: whole ? { README: readme, 'release.sh': script } : { README: readme },
    },
  };
}

/** JSON on one line begins with a brace, so it cannot end the heredoc; the quoted mark keeps the shell from reading it. */
function restoreCommand(how: 'restore' | 'revert', policy: KubernetesObject): string {
  const { name } = policy.metadata;
  if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name) || name.length > 253) throw unfit('NetworkPolicy', name);
  return `${how} '${name}' <<'FIREBREAK'\n${JSON.stringify(restorable(policy))}\nFIREBREAK\n\n`;
}

/** An object as it can be created again. Owners are left out by the kit: it cannot tell whether they live. */
function restorable(policy: KubernetesObject): object {
  const object = meaning(policy);
  const { ownerReferences: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Keeps text from leaving a comment's line. */
function comment(value: string): string {
  return value.replaceAll(/[^\w.:@/-]/g, '?');
}

function unfit(what: string, value: string): FirebreakError {
  return new FirebreakError(
    'FB3209',
    `${JSON.stringify(value.slice(0, 80))} is no name of a ${what}: no release kit can be written`,
  );
}
