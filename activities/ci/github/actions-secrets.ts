import sodium, { ready } from 'libsodium-wrappers';
import { z } from 'zod';
import type { Secret } from '../../../domain/secret.ts';
import { isServiceError } from '../../service/errors.ts';
import type { GitHub } from './client.ts';

/** Where a secret of one name can be: GitHub keeps those for Dependabot apart from those for Actions. */
export interface SecretPlace {
  for: 'actions' | 'dependabot';
  /** `owner/name`; absent: the organization's. */
  repository?: string;
  environment?: string;
  organization?: string;
}

const shown = z.object({
  name: z.string(),
  created_at: z.string(),
  updated_at: z.string(),
  visibility: z.enum(['all', 'private', 'selected']).optional(),
});
/** What GitHub shows of a secret: never its value. Times have whole seconds. */
export type ShownSecret = z.infer<typeof shown>;

const publicKey = z.object({ key_id: z.string(), key: z.string() });
const idsOfRepositories = z
  .object({ repositories: z.array(z.object({ id: z.number() })) })
  .transform(({ repositories }) => ({ items: repositories.map(({ id }) => id) }));
const namesOfSecrets = z
  .object({ secrets: z.array(z.object({ name: z.string() })) })
  .transform(({ secrets }) => ({ items: secrets.map(({ name }) => name) }));
const namesOfEnvironments = z
  .object({ environments: z.array(z.object({ name: z.string() })).default([]) })
  .transform(({ environments }) => ({ items: environments.map(({ name }) => name) }));

/** `environment production of acme/shop`. */
export function wordsOfPlace({ for: purpose, repository, environment, organization }: SecretPlace): string {
  const place =
    repository === undefined
      ? `organization ${organization ?? ''}`
      : environment === undefined
        ? `repository ${repository}`
        : `environment ${environment} of ${repository}`;
  return purpose === 'dependabot' ? `${place}, for Dependabot` : place;
}

function routeTo({ for: purpose, repository, environment, organization }: SecretPlace): {
  path: string;
  parameters: { [name: string]: string };
} {
  if (repository === undefined)
    return { path: `/orgs/{org}/${purpose}/secrets`, parameters: { org: organization ?? '' } };
  const [owner = '', repo = ''] = repository.split('/');
  if (environment === undefined)
    return { path: `/repos/{owner}/{repo}/${purpose}/secrets`, parameters: { owner, repo } };
  return {
    path: '/repos/{owner}/{repo}/environments/{environment_name}/secrets',
    parameters: { owner, repo, environment_name: environment },
  };
}

/** undefined where there is none of that name, or the place cannot be seen. */
export async function readShown(
  github: GitHub,
  place: SecretPlace,
  name: string,
  signal: AbortSignal,
): Promise<ShownSecret | undefined> {
  const { path, parameters } = routeTo(place);
  try {
    const { data } = await github.call(shown, {
      route: `GET ${path}/{secret_name}`,
      parameters: { ...parameters, secret_name: name },
      operation: `look at secret ${name} of ${wordsOfPlace(place)}`,
      signal,
    });
    return data;
  } catch (error) {
    if (isServiceError(error, 'gone')) return undefined;
    throw error;
  }
}

/**
 * Seals a value for the place and puts it there (docs.github.com/rest/guides/encrypting-secrets-for-the-rest-api). The same value twice is as once. Who may
 * use an organization's secret stays as it is.
 */
export async function putSecret(
  github: GitHub,
  place: SecretPlace,
  { name, visibility }: ShownSecret,
  value: Secret,
  signal: AbortSignal,
): Promise<void> {
  const { path, parameters } = routeTo(place);
  const where = `secret ${name} of ${wordsOfPlace(place)}`;
  const { data: key } = await github.call(publicKey, {
    route: `GET ${path}/public-key`,
    parameters,
    operation: `read the key that seals ${where}`,
    signal,
  });
  const selected =
    visibility === 'selected'
      ? await github.list(
          idsOfRepositories,
          {
            route: `GET ${path}/{secret_name}/repositories`,
            parameters: { ...parameters, secret_name: name },
            operation: `list the repositories that may use ${where}`,
            signal,
          },
          10_000,
        )
      : undefined;
  await github.call(z.unknown(), {
    route: `PUT ${path}/{secret_name}`,
    parameters: {
      ...parameters,
      secret_name: name,
      key_id: key.key_id,
      encrypted_value: await seal(value, key.key),
      ...(visibility === undefined ? {} : { visibility }),
      ...(selected === undefined ? {} : { selected_repository_ids: selected }),
    },
    operation: `replace ${where}`,
    signal,
    secrets: [value],
  });
}

/** An anonymous sealed box, in base64: only the place's private key opens it, and not ours. */
async function seal(value: Secret, key: string): Promise<string> {
  await ready;
  const box = sodium.crypto_box_seal(Buffer.from(value.reveal(), 'utf8'), Buffer.from(key, 'base64'));
  return Buffer.from(box).toString('base64');
}

/** Where else a secret of this name is, in words, and where it could not be looked. */
export interface Copies {
  found: string[];
  unknown: string[];
}

/** Most environments of a repository that are looked into. */
const mostEnvironments = 100;

/** Looks for a secret of the same name beside `place`: a leaked value is often copied under one name. */
export async function findCopies(
  github: GitHub,
  place: SecretPlace,
  name: string,
  signal: AbortSignal,
): Promise<Copies> {
  const copies: Copies = { found: [], unknown: [] };
  /** What may not be seen is told, and stops nothing. */
  const look = async (what: string, ask: () => Promise<boolean>): Promise<void> => {
    try {
      if (await ask()) copies.found.push(what);
    } catch (error) {
      if (!isServiceError(error)) throw error;
      copies.unknown.push(what);
    }
  };
  const { repository, organization } = place;
  const others: SecretPlace[] = [];
  if (repository === undefined) {
    others.push(
      { for: 'actions', organization: organization ?? '' },
      { for: 'dependabot', organization: organization ?? '' },
    );
  } else {
    others.push({ for: 'actions', repository }, { for: 'dependabot', repository });
    const [owner = '', repo = ''] = repository.split('/');
    const parameters = { owner, repo };
    await look(`the organization of ${repository}`, async () => {
      const route = 'GET /repos/{owner}/{repo}/actions/organization-secrets';
      const call = {
        route,
        parameters,
        operation: `list the organization's secrets for ${repository}`,
        signal,
      };
      return (await github.list(namesOfSecrets, call, 1_000)).some((one) => isSame(one, name));
    });
    await look(`the environments of ${repository}`, async () => {
      const route = 'GET /repos/{owner}/{repo}/environments';
      const call = { route, parameters, operation: `list the environments of ${repository}`, signal };
      const environments = await github.list(namesOfEnvironments, call, mostEnvironments + 1);
      if (environments.length > mostEnvironments)
        copies.unknown.push(`environments of ${repository} beyond the first ${mostEnvironments}`);
      for (const environment of environments.slice(0, mostEnvironments))
        others.push({ for: 'actions', repository, environment });
      return false;
    });
  }
  for (const other of others) {
    if (wordsOfPlace(other) === wordsOfPlace(place)) continue;
    await look(wordsOfPlace(other), async () => (await readShown(github, other, name, signal)) !== undefined);
  }
  return copies;
}

/** GitHub keeps names in capitals. */
function isSame(a: string, b: string): boolean {
  return a.toUpperCase() === b.toUpperCase();
}
