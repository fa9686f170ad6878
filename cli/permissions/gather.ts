import { rightsOf, type AccountRights } from '../../activities/aws/rights.ts';
import { rbacManifests, type RbacOptions } from '../../activities/kubernetes/rbac.ts';
import type { Action } from '../../domain/action.ts';
import type { AwsPermission, KubernetesPermission, ServicePermission } from '../../domain/permission.ts';
import { partitionOf } from '../../activities/aws/accounts.ts';
import { suggest } from '../../language/compile/problem.ts';
import { catalogue } from '../../worker/catalogue.ts';
import { loadConfiguration, type Configuration } from '../../worker/config/load.ts';
import { configurationSchema } from '../../worker/config/schema.ts';
import { loadPlaybooks, PlaybooksInvalid } from '../../worker/playbooks.ts';
import { exists } from '../exists.ts';
import { usage } from '../failure.ts';
import { findPlaybook, playbooksDirectory } from '../find-playbook.ts';
import { safe } from '../output.ts';
import { usesOf, type Use } from './uses.ts';

export const systems = ['kubernetes', 'aws', 'services'] as const;
export type PermissionSystem = (typeof systems)[number];

export interface PermissionsWish {
  config: string;
  engine: RbacOptions['engine'];
  responderGroup?: string;
  /** Ids or files; none: all in the configuration's folder. */
  playbooks: readonly string[];
  allActions: boolean;
  system?: PermissionSystem;
  cluster?: string;
  account?: string;
}

/** What a token must be allowed in a service that has no policies. */
export interface ServiceRights {
  system: ServicePermission['system'];
  scopes: { scope: string; why: string[]; actions: string[] }[];
}

export interface Rights {
  /** Which actions they are for, and why these. */
  of: { playbooks: string[] | 'all actions'; actions: string[] };
  kubernetes?: ReturnType<typeof rbacManifests>;
  aws?: AccountRights[];
  services?: ServiceRights[];
}

/** The rights that the chosen playbooks come to, in each system that was asked for. Calls nobody. */
export async function gatherRights(wish: PermissionsWish): Promise<Rights> {
  const configuration = (await exists(wish.config)) ? await loadConfiguration(wish.config) : undefined;
  const { actions, signatures } = catalogue({}, configuration?.secretStores);
  const chosen = wish.allActions ? undefined : await choose(wish, signatures);
  const uses: Use[] =
    chosen?.flatMap(({ playbook }) => usesOf(playbook)) ??
    actions.map(({ name }) => ({ action: name, known: {}, open: [] }));
  const wholly = chosen === undefined;
  const byName = new Map(actions.map((action) => [action.name, action]));
  const used = actions.filter(({ name }) => uses.some(({ action }) => action === name));
  const wants = (system: PermissionSystem) => wish.system === undefined || wish.system === system;
  return {
    of: {
      playbooks: chosen?.map(({ playbook }) => playbook.id) ?? 'all actions',
      actions: used.map(({ name }) => name),
    },
    ...(wants('kubernetes') ? { kubernetes: manifestsOf(uses, byName, wish, configuration) } : {}),
    ...(wants('aws') ? { aws: accountsOf(configuration, uses, byName, wish.account, wholly) } : {}),
    ...(wants('services') ? { services: servicesOf(used) } : {}),
  };
}

async function choose(
  { config, playbooks: wanted }: PermissionsWish,
  signatures: Parameters<typeof findPlaybook>[2],
): Promise<Awaited<ReturnType<typeof findPlaybook>>[]> {
  if (wanted.length > 0) {
    return Promise.all([...new Set(wanted)].map((one) => findPlaybook(one, config, signatures)));
  }
  const dir = await playbooksDirectory(config);
  const { playbooks, problems } = await loadPlaybooks(dir, signatures ?? []);
  // Rights of some of the playbooks would be too few.
  if (problems.length > 0) throw new PlaybooksInvalid(problems);
  if (playbooks.size === 0)
    throw usage(`${safe(dir)} holds no playbook: name one with --playbook, or say --all-actions`);
  return [...playbooks.values()];
}

function manifestsOf(
  uses: readonly Use[],
  byName: ReadonlyMap<string, Action>,
  { cluster, engine, responderGroup }: PermissionsWish,
  configuration: Configuration | undefined,
): ReturnType<typeof rbacManifests> {
  const clusters = (configuration?.clusters ?? []).map(({ name }) => name);
  requireNamed('cluster', cluster, clusters);
  const asked = uses.filter((use) => isUsedIn(use, 'cluster', cluster));
  const permissions = asked
    .flatMap((use) => byName.get(use.action)?.permissions ?? [])
    .filter((permission): permission is KubernetesPermission => permission.system === 'kubernetes')
    .filter((one) => one.cluster === undefined || cluster === undefined || one.cluster === cluster);
  if (permissions.length === 0) return [];
  // What is bound to one of them would be too much, or have no namespace, in another.
  if (cluster === undefined && clusters.length > 1 && permissions.some((one) => one.cluster !== undefined))
    throw usage(
      `each cluster needs rights of its own for its secret store: add --cluster ${clusters.join(' | ')}`,
    );
  const group =
    responderGroup ??
    configuration?.responderGroup ??
    configurationSchema.shape.responderGroup.parse(undefined);
  return rbacManifests({ permissions, engine, responderGroup: group });
}

function accountsOf(
  configuration: Configuration | undefined,
  uses: readonly Use[],
  byName: ReadonlyMap<string, Action>,
  wanted: string | undefined,
  wholly: boolean,
): AccountRights[] {
  const accounts = configuration?.accounts ?? [];
  requireNamed(
    'account',
    wanted,
    accounts.map(({ name }) => name),
  );
  return accounts
    .filter(({ name }) => wanted === undefined || name === wanted)
    .map((account) => {
      const permissions = uses.flatMap((use) =>
        permissionsOf(byName.get(use.action), use, wholly).filter((permission) =>
          permission.account === undefined
            ? isUsedIn(use, 'account', account.name)
            : permission.account === account.name,
        ),
      );
      const engine = account.role?.arn ?? account.principal;
      return rightsOf(
        {
          name: account.name,
          account: account.id,
          region: account.region,
          partition: partitionOf(account.region),
          ...(engine === undefined ? {} : { engine }),
          breakGlass: account.breakGlass,
          managed: account.managed ?? [],
          evidence: account.evidence ?? [],
        },
        permissions,
      );
    });
}

function requireNamed(what: string, wanted: string | undefined, names: readonly string[]): void {
  if (wanted === undefined || names.includes(wanted)) return;
  throw usage(`${what} ${safe(JSON.stringify(wanted), 80)} is not configured: ${suggest(wanted, names)}`);
}

/** Whether a use may act in a place: not when it names another one. */
function isUsedIn({ known }: Use, field: 'account' | 'cluster', place: string | undefined): boolean {
  return place === undefined || typeof known[field] !== 'string' || known[field] === place;
}

/** What one use needs on AWS; without narrowing where every action may be used in any way. */
function permissionsOf(action: Action | undefined, use: Use, wholly: boolean): AwsPermission[] {
  const narrowed = wholly ? {} : (action?.narrow?.(use) ?? {});
  return (action?.permissions ?? [])
    .filter((permission) => permission.system === 'aws')
    .map((permission) => ({
      ...permission,
      resources: permission.resources.flatMap((resource) => narrowed[resource] ?? [resource]),
    }))
    .filter(({ resources }) => resources.length > 0);
}

function servicesOf(used: readonly Action[]): ServiceRights[] {
  const bySystem = new Map<ServicePermission['system'], ServiceRights['scopes']>();
  for (const { name, permissions } of used) {
    for (const permission of permissions) {
      if (permission.system === 'kubernetes' || permission.system === 'aws') continue;
      const { system, scope, why } = permission;
      const scopes = bySystem.get(system) ?? [];
      bySystem.set(system, scopes);
      const known = scopes.find((one) => one.scope === scope);
      if (known === undefined) scopes.push({ scope, why: [why], actions: [name] });
      else {
        known.why = [...new Set([...known.why, why])];
        known.actions = [...new Set([...known.actions, name])];
      }
    }
  }
  return [...bySystem].map(([system, scopes]) => ({
    system,
    scopes: scopes.toSorted((a, b) => (a.scope < b.scope ? -1 : 1)),
  }));
}
