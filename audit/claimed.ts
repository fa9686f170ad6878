/**
 * A value from a bundle as the type that it claims to have. Nobody vouches for it: what reads it either checks it first, or runs where a
 * value of another shape becomes a finding.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- what is claimed is the callers to say
export function claimed<T>(value: unknown): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place where a claim is taken for a type
  return value as T;
}
