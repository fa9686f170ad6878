import leven from 'leven';

/** Something wrong in a file. */
export interface Fault {
  file: string;
  /** From 1, counted in UTF-16 code units as editors do. */
  line: number;
  column: number;
  /** Path in the file, `steps[1].with.namespace`; empty for the file as a whole. */
  field: string;
  message: string;
  fix: string;
}

/** Something wrong, or doubtful, in a playbook's file. Numbers are never reused; docs/reference/errors.md explains each. */
export interface Problem extends Fault {
  code: `FB2${string}`;
  severity: 'error' | 'warning';
}

/** A problem before its place is known: `path` leads to it, and `offset` is an exact place in the text when there is one. */
export interface Finding {
  code: Problem['code'];
  severity?: Problem['severity'];
  path: Path;
  /** Point at the key instead of its value. */
  atKey?: boolean;
  offset?: number;
  message: string;
  fix: string;
}

export type Path = readonly (string | number)[];

/** Either what was asked for or what stands in its way. `ok` may come with warnings. */
export type Result<T> = { ok: T; warnings: Problem[] } | { problems: Problem[] };

/** `steps[1].with.namespace`; keys that are not plain words are quoted. */
export function fieldOf(path: Path): string {
  let field = '';
  for (const part of path)
    if (typeof part === 'number') field += `[${part}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(part)) field += field === '' ? part : `.${part}`;
    else field += `[${JSON.stringify(part)}]`;
  return field;
}

/** `did you mean "with"?`, or what there is to choose from. */
export function suggest(given: string, known: Iterable<string>): string {
  const names = [...known];
  const [best] = names
    .map((name) => ({ name, distance: leven(given.slice(0, 100), name) }))
    .toSorted((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  if (best !== undefined && best.distance <= Math.max(2, Math.floor(best.name.length / 3)))
    return `did you mean "${best.name}"?`;
  if (names.length === 0) return 'remove it: there is none to choose from';
  return `use one of: ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}`;
}
