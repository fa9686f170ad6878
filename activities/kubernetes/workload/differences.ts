import { canonical, isObject, sha256 } from '../../../domain/json.ts';
import { redact } from '../../../domain/redaction.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import type { PodTemplate } from './kinds.ts';
import { normalised } from './template.ts';

/** A field of two templates that is not the same. Texts are one line for a person; what looks like a secret is a short hash. */
export interface TemplateDifference {
  /** `spec.containers[app].env[MODE].value` */
  path: string;
  /** Absent: there was none. */
  before?: string;
  /** Absent: there is none any more. */
  after?: string;
}

/** Of the list; the last one then says how many there are besides. */
export const mostDifferences = 50;
const MAX_TEXT = 300;
const MAX_PATH = 300;

/** By what the API tells entries of lists apart; lists whose entries have none of them, or one twice, are compared as a whole. */
const keys = [
  'name',
  'mountPath',
  'devicePath',
  'containerPort',
  'ip',
  'topologyKey',
  'resourceName',
  'path',
];
/** Lists and maps whose entries are named by their author, so that the name may say that the value is a secret. */
const named = new Set([
  'env',
  'httpHeaders',
  'annotations',
  'labels',
  'volumeAttributes',
  'options',
  'sysctls',
]);
/** Fields that refer to a Secret or a token, and hold none. */
const references = new Set([
  'secret',
  'secrets',
  'secretKeyRef',
  'secretRef',
  'secretName',
  'secretNamespace',
  'secretFile',
  'imagePullSecrets',
  'nodePublishSecretRef',
  'serviceAccountToken',
  'automountServiceAccountToken',
  'authorization',
  'key',
]);
const secretWord =
  /pass(?:word|wd|phrase|code)?(?![a-z])|pwd|secret|token|credential|api[-_.]?key|access[-_.]?key|private[-_.]?key|signing[-_.]?key|encryption[-_.]?key|(?:^|[-_.])(?:key|auth|cert|dsn|pin|salt|seed)(?:$|[-_.])|authorization|cookie|connection[-_.]?string|license[-_.]?key|bearer/i;

type Path = readonly string[];

/**
 * What two templates differ in beyond the images of their containers. Entries of lists are matched by name, not by place; a different order is a
 * difference of its own.
 */
export function differences(from: PodTemplate, to: PodTemplate): TemplateDifference[] {
  const found: TemplateDifference[] = [];
  compare([], normalised(from), normalised(to), found);
  if (found.length <= mostDifferences) return found;
  const more = found.length - mostDifferences + 1;
  return [...found.slice(0, mostDifferences - 1), { path: '…', after: `${more} more differences` }];
}

function compare(path: Path, before: unknown, after: unknown, found: TemplateDifference[]): void {
  if (isImage(path) || same(before, after)) return;
  if (isMap(before) && isMap(after)) {
    for (const key of [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted())
      compare([...path, key], valueAt(before, key), valueAt(after, key), found);
    return;
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const key = keys.find((one) => [before, after].every((list) => isKeyedBy(list, one)));
    if (key !== undefined) return compareKeyed(path, key, before, after, found);
  }
  found.push({ path: oneLine(pathText(path), MAX_PATH), ...texts(path, before, after) });
}

function texts(path: Path, before: unknown, after: unknown): Omit<TemplateDifference, 'path'> {
  const [was, is] = [before, after].map((value) => (value === undefined ? undefined : textOf(path, value)));
  // Both were cut before the place where they differ.
  const alike = was !== undefined && was === is;
  const told = (text: string | undefined, value: unknown) =>
    alike ? `${text ?? ''} ${hashOf(canonical(value))}` : text;
  return {
    ...(was === undefined ? {} : { before: told(was, before) ?? was }),
    ...(is === undefined ? {} : { after: told(is, after) ?? is }),
  };
}

function compareKeyed(
  path: Path,
  key: string,
  before: readonly unknown[],
  after: readonly unknown[],
  found: TemplateDifference[],
): void {
  const entries = (list: readonly unknown[]) => new Map(list.map((item) => [keyOf(item, key), item]));
  const [old, now] = [entries(before), entries(after)];
  for (const name of new Set([...old.keys(), ...now.keys()]))
    compare([...path, `[${name}]`], old.get(name), now.get(name), found);
  const [was, is] = [shared(old, now), shared(now, old)];
  if (!same(was, is))
    found.push({
      path: oneLine(`${pathText(path)} (order)`, MAX_PATH),
      before: oneLine(was.join(', '), MAX_TEXT),
      after: oneLine(is.join(', '), MAX_TEXT),
    });
}

function shared(list: ReadonlyMap<string, unknown>, other: ReadonlyMap<string, unknown>): string[] {
  return [...list.keys()].filter((name) => other.has(name));
}

function isKeyedBy(list: readonly unknown[], key: string): boolean {
  const names = list.map((item) => keyOf(item, key));
  return !names.includes('') && new Set(names).size === names.length;
}

function keyOf(item: unknown, key: string): string {
  const value = isMap(item) ? valueAt(item, key) : undefined;
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** The image of a container, which is compared elsewhere. */
function isImage(path: Path): boolean {
  return (
    path.length === 4 &&
    path[0] === 'spec' &&
    (path[1] === 'containers' || path[1] === 'initContainers') &&
    path[3] === 'image'
  );
}

function textOf(path: Path, value: unknown): string {
  if (typeof value === 'string') return oneLine(masked(path, value), MAX_TEXT);
  return oneLine(JSON.stringify(shown(path, value)), MAX_TEXT);
}

/** A value with every text in it that looks like a secret as a hash. */
function shown(path: Path, value: unknown): unknown {
  if (typeof value === 'string') return masked(path, value);
  if (Array.isArray(value)) {
    return value.map((item, at) => {
      // `--password` `value`: the flag says what the next one is.
      const flag: unknown = value[at - 1];
      if (
        typeof item === 'string' &&
        typeof flag === 'string' &&
        flag.startsWith('-') &&
        secretWord.test(flag)
      )
        return hashOf(item);
      const name = keyOf(item, 'name');
      return shown(name === '' ? path : [...path, `[${name}]`], item);
    });
  }
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [redact(key), shown([...path, key], item)]),
  );
}

function masked(path: Path, text: string): string {
  return looksSecret(path) || assigns(text) || redact(text) !== text ? hashOf(text) : text;
}

/** Whether what its author called it says that it is a secret. */
function looksSecret(path: Path): boolean {
  return path.some((segment, at) => {
    const entry = /^\[(.*)\]$/s.exec(segment)?.[1];
    const parent = path[at - 1] ?? '';
    if (entry !== undefined) return named.has(parent) && !isReference(path, at) && secretWord.test(entry);
    return (named.has(parent) || !references.has(segment)) && secretWord.test(segment);
  });
}

/** `env[TOKEN].valueFrom …` says where the value is, and is none; nor is its name. */
function isReference(path: Path, at: number): boolean {
  return path[at + 1] === 'valueFrom' || path[at + 1] === 'name';
}

/** A text such as a command that gives something secret a value: `--token=x`, `export PASSWORD=x`. */
function assigns(text: string): boolean {
  return (
    [...text.matchAll(/([\w.-]{1,100})["']?\s{0,4}[=:]\s{0,4}\S/g)].some(([, name = '']) =>
      secretWord.test(name),
    ) || /--?[\w-]{0,50}(?:password|passwd|secret|token|api-?key)[\w-]{0,50}\s{1,4}\S/i.test(text)
  );
}

/** Enough to see whether two are the same. */
function hashOf(text: string): string {
  return `sha256:${sha256(text).slice('sha256:'.length, 'sha256:'.length + 12)}…`;
}

function pathText(path: Path): string {
  return path
    .map((segment, at) => {
      if (segment.startsWith('[')) return redact(segment);
      if (/^[A-Za-z0-9_-]+$/.test(segment)) return at === 0 ? segment : `.${segment}`;
      return `[${redact(segment)}]`;
    })
    .join('');
}

function same(one: unknown, other: unknown): boolean {
  if (one === undefined || other === undefined) return one === other;
  return canonical(one) === canonical(other);
}

function isMap(value: unknown): value is { [key: string]: unknown } {
  return isObject(value);
}

function valueAt(map: { [key: string]: unknown }, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}
