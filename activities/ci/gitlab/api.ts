import { z } from 'zod';
import type { ActionContext } from '../../../domain/action.ts';
import { Secret } from '../../../domain/secret.ts';
import { typed } from '../../failure.ts';
import { createServiceClient, segment, type Authorization } from '../../service/client.ts';
import { isServiceError } from '../../service/errors.ts';
import type { ForgeRegistry, GitLabConfig } from '../forges.ts';

/** Whose a token or a variable is; a token of neither is a personal one. */
export type Owner = { kind: 'project' | 'group'; id: string } | { kind: 'person' };

const tokenShape = z.object({
  id: z.int(),
  name: z.string(),
  user_id: z.int(),
  scopes: z.array(z.string()),
  revoked: z.boolean(),
  active: z.boolean(),
  created_at: z.string(),
  expires_at: z.string().nullable(),
  access_level: z.int().nullish(),
});
/** As the API shows one: never with its value. */
export type AccessToken = z.infer<typeof tokenShape>;

const madeShape = tokenShape.extend({ token: z.string().min(1) });
const runnerShape = z.object({ id: z.int(), description: z.string().nullable(), runner_type: z.string() });
export type Runner = z.infer<typeof runnerShape>;
const resetShape = z.object({ token: z.string().min(1) });

const variableShape = z.object({
  key: z.string(),
  /** null: hidden, nobody can read it. */
  value: z.string().nullable(),
  variable_type: z.string(),
  protected: z.boolean(),
  masked: z.boolean(),
  /** Since GitLab 17.4. */
  hidden: z.boolean().default(false),
  raw: z.boolean(),
  environment_scope: z.string(),
});
export type Variable = Omit<z.infer<typeof variableShape>, 'value'> & { value: Secret | undefined };

const pageSize = 100;
const maxPages = 50;

/** GitLab's REST API, as far as actions need it: docs.gitlab.com/api. Values are Secrets as soon as they are here. Throws ServiceError. */
export type GitLabApi = ReturnType<typeof gitlabApi>;

/** Runs a verb over the API of the forge that its input names, which is closed after it. Every error leaves it as a typed failure. */
export function onGitLab<T>(
  forges: ForgeRegistry,
  { signal }: Pick<ActionContext, 'signal'>,
  { input }: { input: { forge: string } },
  verb: (api: GitLabApi, gitlab: GitLabConfig) => Promise<T>,
): Promise<T> {
  return typed(async () => {
    const gitlab = forges('gitlab', input.forge);
    const client = createServiceClient({
      service: `forges.${gitlab.name}`,
      baseUrl: `${gitlab.url}/api/v4`,
      authorization: async () => privateToken(await gitlab.token()),
    });
    try {
      return await verb(gitlabApi(client, signal), gitlab);
    } finally {
      await client.close();
    }
  });
}

function gitlabApi(client: ReturnType<typeof createServiceClient>, signal: AbortSignal) {
  return {
    /** Whose credential this is: the engine's, or another's; undefined when GitLab refuses it (401). Any token may ask, whatever its scopes. */
    async self(value?: Secret): Promise<AccessToken | undefined> {
      try {
        const answer = await client.read({
          operation: 'look up the token that was presented',
          path: '/personal_access_tokens/self',
          signal,
          ...(value === undefined ? {} : { as: privateToken(value) }),
        });
        return tokenShape.parse(answer.body);
      } catch (error) {
        if (value !== undefined && isServiceError(error, 'unauthenticated')) return undefined;
        throw error;
      }
    },

    /** undefined when there is none. */
    async token(owner: Owner, id: number): Promise<AccessToken | undefined> {
      const operation = `read ${nameOf(owner)}token ${id}`;
      const answer = await found(
        client.read({ operation, path: `${tokenPath(owner)}/${segment(id)}`, signal }),
      );
      return answer === undefined ? undefined : tokenShape.parse(answer.body);
    },

    /** Active tokens that could be successors of this one: a bot's own, or a person's of the same name. Oldest first. */
    async relatives(owner: Owner, { id, user_id: user, name }: AccessToken): Promise<AccessToken[]> {
      const all: AccessToken[] = [];
      for (let page = 1; page <= maxPages; page++) {
        const answer = await client.read({
          operation: `list ${nameOf(owner)}tokens`,
          path: tokenPath(owner),
          query: {
            state: 'active',
            per_page: String(pageSize),
            page: String(page),
            ...(owner.kind === 'person' ? { user_id: String(user) } : {}),
          },
          signal,
        });
        const tokens = z.array(tokenShape).parse(answer.body);
        all.push(...tokens);
        if (tokens.length < pageSize) break;
      }
      return all
        .filter((one) => one.active && one.user_id === user && one.id !== id)
        .filter((one) => owner.kind !== 'person' || one.name === name)
        .toSorted((a, b) => a.id - b.id);
    },

    /** Revokes it, and makes its successor. Never to be sent twice for one token: the second time revokes the successor as well. */
    async rotate(owner: Owner, id: number, expires: string | undefined) {
      const answer = await client.write({
        method: 'POST',
        operation: `rotate ${nameOf(owner)}token ${id}`,
        path: `${tokenPath(owner)}/${segment(id)}/rotate`,
        body: expires === undefined ? {} : { expires_at: expires },
        signal,
      });
      const { token, ...made } = madeShape.parse(answer.body);
      return { made, value: new Secret(token) };
    },

    async revoke(owner: Owner, id: number): Promise<void> {
      await client.write({
        method: 'DELETE',
        operation: `revoke ${nameOf(owner)}token ${id}`,
        path: `${tokenPath(owner)}/${segment(id)}`,
        signal,
      });
    },

    async runner(id: number): Promise<Runner | undefined> {
      const answer = await found(
        client.read({ operation: `read runner ${id}`, path: `/runners/${segment(id)}`, signal }),
      );
      return answer === undefined ? undefined : runnerShape.parse(answer.body);
    },

    async resetRunner(id: number): Promise<Secret> {
      const answer = await client.write({
        method: 'POST',
        operation: `reset the token of runner ${id}`,
        path: `/runners/${segment(id)}/reset_authentication_token`,
        signal,
      });
      return new Secret(resetShape.parse(answer.body).token);
    },

    /** The runner that this is the token of; undefined when it is none's (403). */
    async runnerOf(token: Secret): Promise<number | undefined> {
      try {
        const answer = await client.write({
          method: 'POST',
          operation: 'verify the token of a runner',
          path: '/runners/verify',
          body: { token },
          as: 'nobody',
          signal,
        });
        return z.object({ id: z.int() }).parse(answer.body).id;
      } catch (error) {
        if (isServiceError(error, 'forbidden')) return undefined;
        throw error;
      }
    },

    /** undefined when there is none of this key and scope. */
    async variable(owner: Owner, key: string, scope: string): Promise<Variable | undefined> {
      const answer = await found(
        client.read({
          operation: `read ${nameOf(owner)}variable ${key}`,
          path: `${ownerPath(owner)}/variables/${segment(key)}`,
          query: { 'filter[environment_scope]': scope },
          signal,
        }),
      );
      return answer === undefined ? undefined : hide(variableShape.parse(answer.body));
    },

    /** Sets the value and nothing else. The same again changes nothing. */
    async setVariable(owner: Owner, key: string, scope: string, value: Secret): Promise<void> {
      await client.write({
        method: 'PUT',
        operation: `replace ${nameOf(owner)}variable ${key}`,
        path: `${ownerPath(owner)}/variables/${segment(key)}`,
        query: { 'filter[environment_scope]': scope },
        body: { value },
        signal,
      });
    },
  };
}

function hide({ value, ...rest }: z.infer<typeof variableShape>): Variable {
  return { ...rest, value: value === null || value === '' ? undefined : new Secret(value) };
}

/** docs.gitlab.com/api/rest/authentication. */
function privateToken(token: Secret): Authorization {
  return { headers: { 'private-token': token.reveal() }, secrets: [token] };
}

function ownerPath(owner: Owner): string {
  if (owner.kind === 'person') throw new TypeError('a person has no variables');
  return `/${owner.kind}s/${segment(owner.id)}`;
}

function nameOf(owner: Owner): string {
  return owner.kind === 'person' ? 'personal ' : `${owner.kind} ${owner.id}'s `;
}

function tokenPath(owner: Owner): string {
  return owner.kind === 'person' ? '/personal_access_tokens' : `${ownerPath(owner)}/access_tokens`;
}

/** undefined in place of a 404. */
async function found<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isServiceError(error, 'gone')) return undefined;
    throw error;
  }
}
