import { isIP } from 'node:net';
import { FirebreakError } from '../../../domain/errors.ts';
import type { Secret } from '../../../domain/secret.ts';
import { isHost, isRepository } from '../reference.ts';

export interface RegistryCredentials {
  username: string;
  password: Secret;
}

/** Where a registry, or a mirror of one, is asked, and as whom. */
export interface EndpointConfig {
  /** `https://registry.example`; a path is put before the names of repositories. http without credentials, or to this machine only. */
  url: string;
  /** Asked whenever they are needed, so that renewed ones are used at once. Without them, everything is asked as nobody. */
  credentials?: () => Promise<RegistryCredentials>;
  /** Hosts beside its own that may be asked for tokens, with these credentials: `auth.docker.io`. A port, where it is not 443. */
  tokenHosts?: readonly string[];
}

/** A registry that images may be read from. */
export interface ImageRegistryConfig extends EndpointConfig {
  /** As references name it: `registry.example:5000`, `docker.io`. */
  host: string;
  /**
   * Asked first, in this order, for what is named by digest: its hash proves it. Tags and lists of referrers are never theirs to tell: a mirror may
   * be behind.
   */
  mirrors?: readonly EndpointConfig[];
}

/** An endpoint whose configuration was looked at. */
export interface CheckedEndpoint {
  origin: string;
  hostname: string;
  /** For messages: the host. */
  name: string;
  /** Before the name of every repository: empty, or with a slash at its end. */
  prefix: string;
  credentials: (() => Promise<RegistryCredentials>) | undefined;
  tokenHosts: ReadonlySet<string>;
}

/** @throws FirebreakError FB3802 naming the field */
export function checkRegistry({ host, url, mirrors = [], ...rest }: ImageRegistryConfig): {
  host: string;
  own: CheckedEndpoint;
  mirrors: CheckedEndpoint[];
} {
  if (!isHost(host)) throw invalid(`${JSON.stringify(host)} is no host of an image reference`);
  return {
    host,
    own: checkEndpoint({ url, ...rest }, `registry ${host}: url`),
    mirrors: mirrors.map((mirror, at) => checkEndpoint(mirror, `registry ${host}: mirrors[${at}].url`)),
  };
}

function checkEndpoint(
  { url, credentials, tokenHosts = [] }: EndpointConfig,
  field: string,
): CheckedEndpoint {
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol))
    throw invalid(`${field} must be an address with https`);
  if (parsed.username !== '' || parsed.password !== '' || parsed.search !== '' || parsed.hash !== '')
    throw invalid(`${field} must be without credentials, a query and a fragment`);
  if (credentials !== undefined && parsed.protocol === 'http:' && !isLoopback(parsed.hostname))
    throw invalid(`${field} has credentials, which are sent over https only`);
  const prefix = parsed.pathname.replace(/^\/+|\/+$/g, '');
  if (prefix !== '' && !isRepository(prefix))
    throw invalid(`${field} has a path that no repository can have`);
  return {
    origin: parsed.origin,
    hostname: parsed.hostname,
    name: parsed.host,
    prefix: prefix === '' ? '' : `${prefix}/`,
    credentials,
    tokenHosts: new Set([parsed.host, ...tokenHosts.map((host) => tokenHost(host, field))]),
  };
}

/** As URLs have it. */
function tokenHost(host: string, field: string): string {
  const parsed = isHost(host) ? URL.parse(`https://${host}`) : null;
  if (parsed === null)
    throw invalid(`${field.replace(/url$/, 'tokenHosts')} names ${JSON.stringify(host)}, which is no host`);
  return parsed.host;
}

export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'))
  );
}

/** Whether a host of a URL is an address instead of a name. */
export function isAddress(hostname: string): boolean {
  return isIP(hostname.replace(/^\[|\]$/g, '')) !== 0;
}

export function invalid(message: string): FirebreakError {
  return new FirebreakError('FB3802', message);
}
