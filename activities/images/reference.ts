import { isIPv6 } from 'node:net';
import { FirebreakError } from '../../domain/errors.ts';
import type { Digest } from '../../domain/json.ts';
import { oneLine } from '../../domain/safe-text.ts';

/** Where an image is, as the container runtimes read it. */
export interface ImageReference {
  /** Host and port as the reference has them, `docker.io` where it names none: `registry.example:5000`, `[::1]:5000`. */
  registry: string;
  /** `shop/api`; `library/redis` for `redis`. */
  repository: string;
  tag?: string;
  digest?: Digest;
}

const DOCKER_HUB = 'docker.io';
/** More than the longest host, port, repository, tag and digest together. */
const MAX_LENGTH = 1024;
const MAX_REPOSITORY = 255;

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`);
const hostPattern = new RegExp(String.raw`^(?:${label}(?:\.${label})*|\[([a-fA-F0-9:]+)\])(?::([0-9]+))?$`);
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const digestPattern = /^sha256:[a-f0-9]{64}$/;

/**
 * Reads a reference by the grammar of distribution/reference: `redis` is `docker.io/library/redis`. No tag is added where there is none.
 * Stricter than the grammar where nothing could be fetched: ports and IPv6 addresses that cannot be, and digests that are not SHA-256.
 * @throws FirebreakError FB3801
 */
export function parseReference(text: string): ImageReference {
  if (text.length > MAX_LENGTH) throw invalid(text, `is longer than ${MAX_LENGTH} characters`);
  // Runtimes take these for the id of an image.
  if (/^[a-f0-9]{64}$/.test(text))
    throw invalid(text, 'is an identifier, not a name: write <registry>/<name>');
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const { registry, rest } = splitRegistry(at < 0 ? text : text.slice(0, at));
  const colon = rest.indexOf(':');
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  const named = colon < 0 ? rest : rest.slice(0, colon);
  const repository = registry === DOCKER_HUB && !named.includes('/') ? `library/${named}` : named;
  if (!isHost(registry)) throw invalid(text, 'does not begin with a host that can be');
  if (/[A-Z]/.test(repository))
    throw invalid(text, 'has capital letters in its repository: write it in small ones');
  if (!isRepository(repository)) throw invalid(text, 'has no repository name as registries have them');
  if (tag !== undefined && !isTag(tag))
    throw invalid(text, 'has a tag that cannot be: up to 128 letters, digits, dots, dashes and underscores');
  if (digest === undefined) return { registry, repository, ...(tag === undefined ? {} : { tag }) };
  if (!isDigest(digest))
    throw invalid(text, 'has a digest that is not sha256: and 64 small hexadecimal digits');
  return { registry, repository, ...(tag === undefined ? {} : { tag }), digest };
}

/** Registry and repository, without tag and digest: what policies name. */
export function canonicalName({
  registry,
  repository,
}: Pick<ImageReference, 'registry' | 'repository'>): string {
  return `${registry}/${repository}`;
}

/** The whole reference in its canonical form; `parseReference` reads the same back. */
export function formatReference(reference: ImageReference): string {
  const { tag, digest } = reference;
  return `${canonicalName(reference)}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

export function isRepository(text: string): boolean {
  return text.length <= MAX_REPOSITORY && repositoryPattern.test(text);
}

export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/** The only algorithm that this engine computes. */
export function isDigest(text: string): text is Digest {
  return digestPattern.test(text);
}

/** A host as references have it, with a port or without. */
export function isHost(text: string): boolean {
  const match = hostPattern.exec(text);
  if (match === null) return false;
  const [, address, port] = match;
  if (address !== undefined && !isIPv6(address)) return false;
  return port === undefined || (Number(port) >= 1 && Number(port) <= 65_535);
}

/** The first part is a host when it cannot be a part of a repository's name: it has a dot, a colon or a capital letter, or is `localhost`. */
function splitRegistry(name: string): { registry: string; rest: string } {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  if (slash < 0 || !(first === 'localhost' || /[.:A-Z]/.test(first)))
    return { registry: DOCKER_HUB, rest: name };
  return { registry: first === 'index.docker.io' ? DOCKER_HUB : first, rest: name.slice(slash + 1) };
}

function invalid(text: string, why: string): FirebreakError {
  return new FirebreakError('FB3801', `the image reference ${JSON.stringify(oneLine(text, 200))} ${why}`);
}
