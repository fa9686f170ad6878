import { z } from 'zod';
import { accountRegistry, createAccount, type AccountRegistry } from '../activities/aws/accounts.ts';
import { awsActions } from '../activities/aws/index.ts';
import { forgeRegistry, type ForgeConfig } from '../activities/ci/forges.ts';
import { ciActions } from '../activities/ci/index.ts';
import { credentialActions } from '../activities/credentials/index.ts';
import { createImageAssessor } from '../activities/images/assess.ts';
import { imageActions } from '../activities/images/index.ts';
import { createRegistryClient } from '../activities/images/registry/client.ts';
import { clusterRegistry, createCluster, type ClusterRegistry } from '../activities/kubernetes/client.ts';
import { kubernetesActions } from '../activities/kubernetes/index.ts';
import { metricsActions } from '../activities/metrics/index.ts';
import { metricsRegistry, type MetricsConfig } from '../activities/metrics/sources.ts';
import { registryActions } from '../activities/registries/index.ts';
import { registryRegistry, type RegistryConfig } from '../activities/registries/registries.ts';
import { awsStore } from '../activities/secrets/aws.ts';
import { fileStore } from '../activities/secrets/file.ts';
import { secretStores } from '../activities/secrets/index.ts';
import { kubernetesStore } from '../activities/secrets/kubernetes.ts';
import { placeOf, type Action, type ActionSignature } from '../domain/action.ts';
import { jsonCopy } from '../domain/json.ts';
import { Secret, type SecretStore } from '../domain/secret.ts';
import { registryEventsIn } from '../stores/index.ts';
import { openRegistryEvents } from '../stores/registry-events.ts';
import { readSecret, type Configuration } from './config/load.ts';
import type { SecretReference } from './config/schema.ts';
import { imagePolicyFile } from './image-policy.ts';
import { imageRegistriesOf } from './image-registries.ts';

/** What of a configuration actions are made over. */
export type World = Pick<
  Configuration,
  'clusters' | 'accounts' | 'forges' | 'registries' | 'metrics' | 'secretStores' | 'responderGroup' | 'state'
> & { images?: Configuration['images'] };

export interface Catalogue {
  actions: Action[];
  signatures: ActionSignature[];
  clusters: ClusterRegistry;
  accounts: AccountRegistry;
}

const nothing: World = {
  clusters: [],
  accounts: [],
  forges: [],
  registries: [],
  metrics: [],
  secretStores: [],
  responderGroup: 'firebreak:responders',
  state: 'state',
};

/**
 * Every action there is, over the configured systems. Without a configuration they can be described, and not run.
 * @param described the secret stores that actions ask for rights in: may be given without their clusters and accounts
 */
export function catalogue(
  configured: Partial<World> = {},
  described: World['secretStores'] = configured.secretStores ?? [],
): Catalogue {
  const world: World = { ...nothing, ...configured };
  const clusters = clusterRegistry(world.clusters.map((cluster) => createCluster(cluster)));
  const accounts = accountRegistry(world.accounts.map((account) => createAccount(account)));
  const forges = forgeRegistry(world.forges.map(forgeOf));
  const registryConfigs = world.registries.flatMap((registry) =>
    registry.kind === 'oci' ? [] : [registryOf(registry)],
  );
  const policy = imagePolicyFile(world.images?.policy);
  const images = createImageAssessor({
    client: createRegistryClient({ registries: imageRegistriesOf(world.registries) }),
    policy,
  });
  const registries = registryRegistry(registryConfigs);
  const secrets = secretStores(
    world.secretStores.map((store) => storeOf(store, { clusters, accounts })),
    described,
  );
  const actions = [
    ...kubernetesActions({
      clusters,
      responderGroup: world.responderGroup,
      secrets,
      images,
      imagePolicy: async () => (world.images === undefined ? undefined : (await policy()).policy),
    }),
    ...awsActions({ accounts, clusters, secrets }),
    ...ciActions({ forges, secrets }),
    ...registryActions({ registries, secrets }),
    ...imageActions({
      clusters,
      images,
      policy,
      registries: world.registries.filter((registry) => registry.kind === 'oci'),
    }),
    ...metricsActions({ metrics: metricsRegistry(world.metrics.map(metricsOf)) }),
    ...credentialActions({
      accounts,
      registries: registryConfigs,
      auditLogs: world.clusters.map(({ name, environment, auditLog = [] }) => ({
        cluster: name,
        environment,
        files: auditLog,
      })),
      // Opened when it is first asked: who only describes actions has no state directory.
      registryEvents: {
        find: async (query) => (await openRegistryEvents(registryEventsIn(world.state))).find(query),
      },
    }),
  ];
  return { actions, signatures: actions.map(signatureOf), clusters, accounts };
}

/** What guardrails judge a target's place by; undefined for a place that is not configured. */
export function environmentOf(
  { clusters, accounts, forges, registries, metrics }: World,
  place: string,
): string | undefined {
  const places = [
    ...clusters.map(({ name, environment }) => ({ place: name, environment })),
    ...accounts.map(({ name, environment }) => ({ place: placeOf('aws', name), environment })),
    ...forges.map(({ name, environment }) => ({ place: placeOf('forge', name), environment })),
    ...registries.map(({ name, environment }) => ({ place: placeOf('registry', name), environment })),
    ...metrics.map(({ name, environment }) => ({ place: placeOf('metrics', name), environment })),
  ];
  return places.find((one) => one.place === place)?.environment;
}

function storeOf(
  store: World['secretStores'][number],
  { clusters, accounts }: { clusters: ClusterRegistry; accounts: AccountRegistry },
): SecretStore {
  if (store.kind === 'kubernetes') return kubernetesStore(store.name, clusters(store.cluster), store);
  if (store.kind === 'aws-secrets-manager') return awsStore(store.name, accounts(store.account), store);
  return fileStore(store.name, store.directory);
}

function forgeOf(forge: World['forges'][number]): ForgeConfig {
  const field = `forges.${forge.name}`;
  if (forge.kind === 'gitlab')
    return { ...forge, url: bare(forge.url), token: reader(`${field}.token`, forge.token) };
  const { auth, oauth, ...rest } = forge;
  return {
    ...rest,
    apiUrl: bare(forge.apiUrl),
    auth:
      'token' in auth
        ? { token: reader(`${field}.auth.token`, auth.token) }
        : { ...auth, privateKey: reader(`${field}.auth.privateKey`, auth.privateKey) },
    ...(oauth === undefined
      ? {}
      : {
          oauth: {
            clientId: oauth.clientId,
            clientSecret: reader(`${field}.oauth.clientSecret`, oauth.clientSecret),
          },
        }),
  };
}

function registryOf(registry: Exclude<World['registries'][number], { kind: 'oci' }>): RegistryConfig {
  const url = bare(registry.url);
  if (registry.kind === 'basic-auth') return { ...registry, url };
  return { ...registry, url, password: reader(`registries.${registry.name}.password`, registry.password) };
}

/** What of its configuration a source of metrics is asked with. */
export function metricsOf({ token, username, password, ...source }: World['metrics'][number]): MetricsConfig {
  const field = `metrics.${source.name}`;
  const auth =
    token !== undefined
      ? { token: reader(`${field}.token`, token) }
      : username !== undefined && password !== undefined
        ? { username, password: reader(`${field}.password`, password) }
        : undefined;
  return { ...source, url: bare(source.url), ...(auth === undefined ? {} : { auth }) };
}

function reader(field: string, reference: SecretReference): () => Promise<Secret> {
  return async () => new Secret(await readSecret(field, reference));
}

function bare(url: string): string {
  return url.replace(/\/+$/, '');
}

function signatureOf(action: Action): ActionSignature {
  return {
    name: action.name,
    effect: action.effect,
    timing: action.timing,
    holds: action.holds,
    ...(action.evidence === undefined ? {} : { evidence: action.evidence }),
    ...(action.undoApproval === undefined ? {} : { undoApproval: action.undoApproval }),
    input: jsonCopy(z.toJSONSchema(action.input, { io: 'input' })),
    outputs: action.outputs,
  };
}
