/** How a registry asks for credentials: one challenge of `WWW-Authenticate`. */
export interface Challenge {
  /** In small letters: `basic`, `bearer`. */
  scheme: string;
  /** Names in small letters. */
  parameters: ReadonlyMap<string, string>;
}

const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const token68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const quoted = /"((?:[^"\\]|\\.)*)"/y;
const equals = /[ \t]*=[ \t]*/y;
const separators = /[ \t,]+/y;
const spaces = /[ \t]+/y;

/**
 * The challenges of a `WWW-Authenticate` header (RFC 9110 §11.6.1), several of which may be in one line. What follows a part that is not of the
 * grammar is left out: a challenge is only ever used when all of what it needs was understood.
 */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    return match;
  };
  for (;;) {
    take(separators);
    const scheme = take(token)?.[0];
    if (scheme === undefined) return challenges;
    const parameters = new Map<string, string>();
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
    if (take(spaces) === undefined || take(token68) !== undefined) continue;
    for (;;) {
      const before = at;
      take(separators);
      const name = take(token)?.[0];
      if (name === undefined || take(equals) === undefined) {
        // It was the scheme of the next challenge.
        at = before;
        break;
      }
      const value = take(quoted)?.[1]?.replace(/\\(.)/g, '$1') ?? take(token)?.[0];
      if (value === undefined) return challenges;
      // The first of two: a later one must not put another in its place.
      if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
    }
  }
}
