import { createAppAuth } from '@octokit/auth-app';
import { Octokit } from '@octokit/core';
import type { z } from 'zod';
import { hide } from '../../../domain/redaction.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import type { Secret } from '../../../domain/secret.ts';
import { ServiceError } from '../../service/errors.ts';
import type { GitHubConfig } from '../forges.ts';
import { Allowance } from './allowance.ts';

/** Whom a call is made as: the engine's own identity, the holder of a token, the OAuth App, or nobody. */
export type Caller = 'engine' | 'oauth-app' | 'nobody' | { token: Secret };

export interface GitHubCall {
  /** As GitHub documents it: `PUT /repos/{owner}/{repo}/actions/secrets/{secret_name}`. */
  route: string;
  /** For the places in the route, the query and the body. */
  parameters?: { [name: string]: unknown };
  /** `disable workflow release.yml in acme/shop`: for messages. */
  operation: string;
  signal: AbortSignal;
  as?: Caller;
  /** Values among the parameters that no error may show. */
  secrets?: readonly Secret[];
}

export interface GitHubAnswer<T> {
  data: T;
  status: number;
  /** Requests that are left to this caller in this hour, where GitHub says so. */
  left: number | undefined;
}

/** One GitHub. Every call is sent once: nothing is repeated by itself but what a token just issued was refused for (auth-app, for 5 s). */
export interface GitHub {
  readonly forge: GitHubConfig;
  /** @throws ServiceError; what GitHub answers is checked by `schema` */
  call<T>(schema: z.ZodType<T>, call: GitHubCall): Promise<GitHubAnswer<T>>;
  /** All pages of a list, until `most` items are found. */
  list<T>(schema: z.ZodType<{ items: T[] }>, call: GitHubCall, most: number): Promise<T[]>;
}

/** The version whose description the tests hold every request against. */
const apiVersion = '2022-11-28';
const timeoutMs = 15_000;
const pageSize = 100;

const silent = { debug() {}, info() {}, warn() {}, error() {} };

export function createGitHub(forge: GitHubConfig): GitHub {
  const allowances = new Map<string, Allowance>();
  let app: Promise<Octokit> | undefined;

  async function octokitOf(
    caller: Caller,
  ): Promise<{ octokit: Octokit; secrets: Secret[]; headers: object }> {
    const plain = () => new Octokit({ baseUrl: forge.apiUrl, userAgent: 'firebreak', log: silent });
    if (caller === 'nobody') return { octokit: plain(), secrets: [], headers: {} };
    if (typeof caller === 'object')
      return {
        octokit: plain(),
        secrets: [caller.token],
        headers: { authorization: `token ${caller.token.reveal()}` },
      };
    if (caller === 'oauth-app') {
      const { oauth } = forge;
      if (oauth === undefined) throw new TypeError(`forges.${forge.name}.oauth is not configured`);
      const secret = await oauth.clientSecret();
      const pair = Buffer.from(`${oauth.clientId}:${secret.reveal()}`).toString('base64');
      return { octokit: plain(), secrets: [secret], headers: { authorization: `basic ${pair}` } };
    }
    const { auth } = forge;
    if ('token' in auth) return octokitOf({ token: await auth.token() });
    // Kept: it caches the installation's token for the hour that it lives.
    app ??= auth.privateKey().then(
      (key) =>
        new Octokit({
          baseUrl: forge.apiUrl,
          userAgent: 'firebreak',
          log: silent,
          authStrategy: createAppAuth,
          auth: { appId: auth.app, installationId: auth.installation, privateKey: key.reveal() },
        }),
    );
    const octokit = await app.catch((error: unknown) => {
      app = undefined;
      throw error;
    });
    return { octokit, secrets: [], headers: {} };
  }

  function allowanceOf(caller: Caller): Allowance {
    // A leaked token's own allowance is of no interest beyond one call.
    const key = typeof caller === 'object' ? undefined : caller;
    const found = key === undefined ? undefined : allowances.get(key);
    const allowance = found ?? new Allowance();
    if (key !== undefined) allowances.set(key, allowance);
    return allowance;
  }

  async function send(
    call: GitHubCall,
  ): Promise<{ status: number; data: unknown; left: number | undefined }> {
    const { route, parameters = {}, operation, signal, as = 'engine', secrets = [] } = call;
    const where = { service: `forges.${forge.name}`, operation };
    const allowance = allowanceOf(as);
    const spent = allowance.spent(Date.now());
    if (spent !== undefined) throw new ServiceError(where, { status: 429, message: spent });
    const caller = await octokitOf(as);
    const timeout = AbortSignal.timeout(timeoutMs);
    const isWrite = !route.startsWith('GET ');
    try {
      const { status, data, headers } = await caller.octokit.request(route, {
        ...parameters,
        headers: { ...caller.headers, 'x-github-api-version': apiVersion },
        // A write goes to the address that was approved, or nowhere.
        request: { signal: AbortSignal.any([signal, timeout]), redirect: isWrite ? 'error' : 'follow' },
      });
      const body: unknown = data;
      return { status, data: body, left: allowance.note(headers) };
    } catch (error) {
      // A cancelled activity must see its own abort.
      signal.throwIfAborted();
      throw serviceError(error, where, allowance, isWrite, [...caller.secrets, ...secrets], timeout.aborted);
    }
  }

  const github: GitHub = {
    forge,
    async call(schema, call) {
      const { data, status, left } = await send(call);
      const read = schema.safeParse(data);
      if (read.success) return { data: read.data, status, left };
      const fault = read.error.issues[0];
      throw new ServiceError(
        { service: `forges.${forge.name}`, operation: call.operation },
        {
          status,
          message: `its answer is not what GitHub documents: ${fault?.path.join('.') ?? ''} ${fault?.message ?? ''}`,
          mayBeDone: !call.route.startsWith('GET '),
        },
      );
    },
    async list(schema, call, most) {
      const all = [];
      for (let page = 1; all.length < most; page++) {
        const parameters = { ...call.parameters, per_page: pageSize, page };
        const { items } = (await github.call(schema, { ...call, parameters })).data;
        all.push(...items);
        if (items.length < pageSize) break;
      }
      return all.slice(0, most);
    },
  };
  return github;
}

/** Neither the request nor the error of the library: both hold what was sent. */
function serviceError(
  error: unknown,
  where: { service: string; operation: string },
  allowance: Allowance,
  isWrite: boolean,
  secrets: readonly Secret[],
  timedOut: boolean,
): ServiceError {
  if (error instanceof ServiceError) return error;
  // Before anything was sent: what is left is the App's key.
  if (!(error instanceof Error) || error.name !== 'HttpError')
    return new ServiceError(where, {
      status: 401,
      message: "its App's key cannot sign: is it the PEM that GitHub gave?",
    });
  const answer = answerOf(error);
  if (answer === undefined) {
    const message = timedOut ? `no answer within ${timeoutMs / 1000} s` : 'it cannot be reached';
    return new ServiceError(where, { status: 0, message, mayBeDone: isWrite });
  }
  const { status, headers, message } = answer;
  allowance.note(headers);
  const clean = hide(
    message,
    secrets.map((secret) => secret.reveal()),
  );
  const limited =
    status === 429 ||
    (status === 403 &&
      (headers['x-ratelimit-remaining'] === '0' ||
        headers['retry-after'] !== undefined ||
        /rate limit/i.test(message)));
  if (!limited) return new ServiceError(where, { status, message: oneLine(clean, 300) });
  const spent = allowance.spent(Date.now()) ?? 'GitHub asks to send less';
  return new ServiceError(where, { status: 429, message: spent });
}

/** What octokit's RequestError holds of an answer; undefined when none came. */
function answerOf(
  error: unknown,
): { status: number; headers: { [name: string]: unknown }; message: string } | undefined {
  if (!(error instanceof Error) || !('response' in error) || !('status' in error)) return undefined;
  const { response, status } = error;
  if (typeof response !== 'object' || response === null || typeof status !== 'number') return undefined;
  const headers = 'headers' in response ? response.headers : undefined;
  const data = 'data' in response ? response.data : undefined;
  const said = typeof data === 'object' && data !== null && 'message' in data ? data.message : undefined;
  return {
    status,
    headers: typeof headers === 'object' && headers !== null ? { ...headers } : {},
    message: typeof said === 'string' ? said : `HTTP ${status}`,
  };
}
