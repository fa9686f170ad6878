/** Whether every ARN that `inner` stands for is one that `outer` stands for. Never yes when it is not so. */
export function covers(outer: string, inner: string): boolean {
  const source = outer
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    // One character is no text of any length.
    .replaceAll('?', '[^*]')
    .replaceAll('*', '.*');
  return new RegExp(`^${source}$`).test(inner);
}
