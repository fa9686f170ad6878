/**
 * Whether a policy's pattern covers a repository: part by part between slashes, `*` for any run of characters in a part, `**` for
 * any number of parts. The registry has no pattern. Without regular expressions: nothing in either is special, or slow.
 */
export function covers(pattern: string, repository: string): boolean {
  return partsCover(pattern.split('/'), repository.split('/'));
}

function partsCover([pattern, ...patterns]: string[], parts: string[]): boolean {
  if (pattern === undefined) return parts.length === 0;
  if (pattern === '**') {
    // At least one part, so that `registry.example/**` is never the registry itself.
    return parts.some((_part, index) => partsCover(patterns, parts.slice(index + 1)));
  }
  const [part, ...rest] = parts;
  return part !== undefined && partCovers(pattern, part) && partsCover(patterns, rest);
}

function partCovers(pattern: string, part: string): boolean {
  const [head = '', ...pieces] = pattern.split('*');
  const tail = pieces.pop();
  if (tail === undefined) return pattern === part;
  if (!part.startsWith(head)) return false;
  let from = head.length;
  for (const piece of pieces) {
    const at = part.indexOf(piece, from);
    if (at < 0) return false;
    from = at + piece.length;
  }
  return part.length - tail.length >= from && part.endsWith(tail);
}
