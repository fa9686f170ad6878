import type { TokenScope } from '../gateway/dependencies.ts';
import { createDirectory } from '../gateway/people.ts';
import { suggest } from '../language/compile/problem.ts';
import { loadConfiguration } from '../worker/config/load.ts';
import { usage } from './failure.ts';
import { safe } from './output.ts';
import { openConfiguredState } from './state.ts';

export interface TokenWish {
  config: string;
  owner: string;
  scope: readonly TokenScope[];
  cluster?: string;
  registry?: string;
  /** RFC 3339 UTC. */
  expires?: string;
  label: string;
}

/** Makes a token that the gateway will honour: what it would refuse is refused here. @throws CliError FB6101, FirebreakError FB6210 */
export async function createToken(wish: TokenWish): Promise<{ id: string; secret: string }> {
  const configuration = await loadConfiguration(wish.config);
  const { owner, cluster, registry, expires, label } = wish;
  const directory = createDirectory(configuration.people);
  if (!directory.mayOwnTokens(owner)) {
    const ids = configuration.people.map(({ id }) => id);
    throw usage(
      `--owner: ${safe(JSON.stringify(owner), 100)} is nobody active in people; ${suggest(owner, ids)}`,
    );
  }
  if (wish.scope.includes('decide') && directory.person(owner) === undefined)
    throw usage(`--scope decide: ${owner} is a service, and only persons decide`);
  const clusters = configuration.clusters.map(({ name }) => name);
  if (cluster !== undefined && !clusters.includes(cluster))
    throw usage(
      `--cluster: there is no ${safe(JSON.stringify(cluster), 100)}; ${suggest(cluster, clusters)}`,
    );
  const registries = configuration.registries.map(({ name }) => name);
  if (registry !== undefined && !registries.includes(registry))
    throw usage(
      `--registry: there is no ${safe(JSON.stringify(registry), 100)}; ${suggest(registry, registries)}`,
    );
  const state = await openConfiguredState(configuration);
  return state.tokens.create({
    owner,
    scopes: [...new Set(wish.scope)],
    label,
    ...(cluster === undefined ? {} : { cluster }),
    ...(registry === undefined ? {} : { registry }),
    ...(expires === undefined ? {} : { expiresAt: expires }),
  });
}
