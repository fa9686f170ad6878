import { lookup, type LookupAddress } from 'node:dns';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { promisify } from 'node:util';

const TIMEOUT_MS = 10_000;
const resolve = promisify(lookup);

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Where nobody who asks for a check has an endpoint: metadata of clouds, the link, this host by no name, many at once, tunnels to any of these. */
const forbidden = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['192.0.0.0', 24],
  ['224.0.0.0', 3],
] as const)
  forbidden.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2001::', 32],
  ['2002::', 16],
  ['fd00:ec2::', 32],
  ['fd20:ce::', 32],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  forbidden.addSubnet(net, prefix, 'ipv6');

/** Why a URL must not be given a secret; undefined when it may. Its addresses are judged again when it is asked. */
export function urlProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'must be a URL';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must hold no user and no password';
  if (url.hash !== '') return 'must hold no fragment';
  const host = hostOf(url);
  if (url.protocol === 'http:' && host !== 'localhost' && !(isIP(host) > 0 && isLoopback(host)))
    return 'must begin with https:// unless it is on this machine';
  return isIP(host) > 0 && isForbidden(host)
    ? 'must not be an address of the link, of a cloud or of many'
    : undefined;
}

/** What an endpoint answered: its status, or why there was none. Holds nothing that was sent. */
export type Answer = { status: number } | { failure: string };

/**
 * GETs a URL with these headers: one attempt on a connection of its own, no redirect, no proxy, and only to addresses that were judged. A name that resolves
 * to one that is forbidden is not asked at all.
 */
export async function ask(
  url: URL,
  headers: { [name: string]: string },
  signal: AbortSignal,
): Promise<Answer> {
  const problem = urlProblem(url.href);
  if (problem !== undefined) return { failure: problem };
  const host = hostOf(url);
  let addresses: LookupAddress[];
  try {
    addresses = isIP(host) > 0 ? [{ address: host, family: isIP(host) }] : await resolve(host, { all: true });
  } catch (error) {
    return { failure: `its name cannot be resolved (${codeOf(error)})` };
  }
  const [first] = addresses;
  if (first === undefined) return { failure: 'its name has no address' };
  if (addresses.some(({ address }) => isForbidden(address)))
    return { failure: 'its name resolves to an address that must not be asked' };
  if (url.protocol === 'http:' && !addresses.every(({ address }) => isLoopback(address)))
    return { failure: 'its name resolves to another machine, and the connection would not be encrypted' };
  // The address that was judged is the one that is connected to: the name is not resolved again.
  const pinned: LookupFunction = (_, { all }, done) =>
    all === true ? done(null, [first]) : done(null, first.address, first.family);
  return new Promise((settle) => {
    const failed = (error: unknown) => settle({ failure: `no answer (${codeOf(error)})` });
    try {
      const send = url.protocol === 'http:' ? httpRequest : httpsRequest;
      const outgoing = send(
        url,
        {
          agent: false,
          lookup: pinned,
          headers: { 'user-agent': 'firebreak', accept: '*/*', ...headers },
          signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
        },
        (response) => {
          settle({ status: response.statusCode ?? 0 });
          response.destroy();
        },
      );
      outgoing.on('error', failed);
      outgoing.end();
    } catch (error) {
      // A value that no header can hold.
      failed(error);
    }
  });
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

function isLoopback(address: string): boolean {
  return loopback.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function isForbidden(address: string): boolean {
  return !isLoopback(address) && forbidden.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** Only the code: messages may repeat what was sent. */
function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' || typeof code === 'number' ? String(code) : 'unknown';
}
