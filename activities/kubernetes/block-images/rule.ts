import type { Digest } from '../../../domain/json.ts';
import type { PodSpec } from '../workload/kinds.ts';

/** What one block holds to. Lists are sorted, without doubles. */
export interface Rule {
  /** Where only what is allowed may start. */
  namespaces: readonly string[];
  deny: readonly Digest[];
  allow: readonly Digest[];
}

export type Refusal = 'denied' | 'not-pinned' | 'not-allowed';

/** Lists as they are held and shown: another order is the same rule. */
export function ruleOf({ namespaces, deny, allow }: Rule): Rule {
  return { namespaces: sorted(namespaces), deny: sorted(deny), allow: sorted(allow) };
}

/**
 * Why an image may not start in a namespace; undefined when it may. The admission policy says the same in CEL: what changes here changes there.
 * Wider than the grammar of references where a runtime might be: a denied digest is found in any part, in capital letters and among blanks.
 */
export function refusalOf(image: string, namespace: string, rule: Rule): Refusal | undefined {
  const parts = image.split('@');
  if (parts.some((part) => isOn(rule.deny, part.trim().toLowerCase()))) return 'denied';
  if (!rule.namespaces.includes(namespace)) return undefined;
  const [name = '', digest = '', ...more] = parts;
  if (parts.length !== 2 || name === '' || more.length > 0) return 'not-pinned';
  if (isOn(rule.allow, digest)) return undefined;
  return /^sha256:[0-9a-f]{64}$/.test(digest) ? 'not-allowed' : 'not-pinned';
}

/** Every image that a pod of this spec is made of: of containers of all sorts, and of volumes. */
export function imagesOf(spec: PodSpec): string[] {
  const { containers = [], initContainers = [], ephemeralContainers = [], volumes = [] } = spec;
  return [
    ...[...initContainers, ...containers, ...ephemeralContainers].map(({ image = '' }) => image),
    ...volumes.flatMap(({ image }) => {
      if (typeof image !== 'object' || image === null) return [];
      return 'reference' in image && typeof image.reference === 'string' ? [image.reference] : [''];
    }),
  ];
}

/** Why pods of this spec may not start in a namespace, by the first image that is refused. */
export function refusalOfSpec(spec: PodSpec, namespace: string, rule: Rule): Refusal | undefined {
  for (const image of imagesOf(spec)) {
    const refusal = refusalOf(image, namespace, rule);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

const sets = new WeakMap<readonly string[], ReadonlySet<string>>();

/** Lists have thousands of digests, and are asked for every image of a cluster. They are never changed. */
function isOn(list: readonly string[], text: string): boolean {
  let set = sets.get(list);
  if (set === undefined) sets.set(list, (set = new Set(list)));
  return set.has(text);
}

function sorted<T extends string>(list: readonly T[]): T[] {
  return [...new Set(list)].toSorted();
}
