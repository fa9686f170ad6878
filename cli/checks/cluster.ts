import { request } from 'undici';
import { createCluster, type Cluster } from '../../activities/kubernetes/client.ts';
import { loadCredentials } from '../../activities/kubernetes/credentials.ts';
import type { KubernetesObject } from '../../activities/kubernetes/resources.ts';
import type { Action } from '../../domain/action.ts';
import type { KubernetesPermission, Permission } from '../../domain/permission.ts';
import type { Configuration } from '../../worker/config/load.ts';
import { attempt, failed, ok, warning, type Check } from './check.ts';

const timeoutMs = 5_000;
/** Reviews asked at a time. */
const atOnce = 16;
/** Signatures of Slack are refused from five minutes on; certificates and ledgers suffer before. */
const maxSkewMs = 30_000;

type ClusterConfiguration = Configuration['clusters'][number];

/** What the API is asked: may I do this, in `namespace` or in every one? */
interface Access {
  namespace?: string;
  group: string;
  resource: string;
  subresource?: string;
  verb: string;
  name?: string;
}

/** Whether one cluster answers, its clock agrees, and the engine may do what its actions declare and no more than it should. */
export async function checkCluster(
  configured: ClusterConfiguration,
  actions: readonly Action[],
): Promise<Check[]> {
  const name = `cluster ${configured.name}`;
  const reached = await attempt(name, () => reach(name, configured));
  if (reached.some(({ state }) => state === 'failed')) return reached;
  const cluster = createCluster(configured);
  try {
    return [
      ...reached,
      ...(await attempt(`${name} permissions`, () =>
        checkPermissions(`${name} permissions`, cluster, actions),
      )),
      ...(await attempt(`${name} cluster-admin`, () => checkAdmin(`${name} cluster-admin`, cluster))),
    ];
  } finally {
    await cluster.close();
  }
}

async function reach(name: string, configured: ClusterConfiguration): Promise<Check[]> {
  const credentials = loadCredentials(configured);
  try {
    const { origin, prefix, dispatcher, headers } = await credentials.endpoint();
    const answer = await request(`${origin}${prefix}/version`, {
      dispatcher,
      headers,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const body = await answer.body.text();
    if (answer.statusCode !== 200)
      return [
        failed(
          name,
          `${origin} answers HTTP ${answer.statusCode}`,
          `check the credential in ${configured.kubeconfig}`,
        ),
      ];
    return [
      ok(name, `${origin} answers, Kubernetes ${versionOf(body)}`),
      ...clock(name, answer.headers.date),
    ];
  } catch (error) {
    if (!(error instanceof Error) || error.name === 'FirebreakError') throw error;
    const code = 'code' in error ? String(error.code) : error.name;
    return [
      failed(
        name,
        `cannot be reached (${code})`,
        `try kubectl --kubeconfig ${configured.kubeconfig} version`,
      ),
    ];
  } finally {
    await credentials.close();
  }
}

function versionOf(body: string): string {
  try {
    const { gitVersion }: { gitVersion?: unknown } = JSON.parse(body);
    return typeof gitVersion === 'string' ? gitVersion : 'of unknown version';
  } catch {
    return 'of unknown version';
  }
}

function clock(name: string, date: string | string[] | undefined): Check[] {
  const theirs = Date.parse(String(date));
  if (Number.isNaN(theirs)) return [];
  // The header has whole seconds.
  const skew = Math.abs(Date.now() - theirs);
  if (skew <= maxSkewMs) return [ok('clock', `agrees with ${name}`)];
  return [
    failed(
      'clock',
      `differs from that of ${name} by ${Math.round(skew / 1000)} s`,
      'synchronise it (NTP): signatures and expiries depend on it',
    ),
  ];
}

async function checkPermissions(
  name: string,
  cluster: Cluster,
  actions: readonly Action[],
): Promise<Check[]> {
  const wanted = new Map<string, { access: Access; why: string }>();
  for (const action of actions)
    for (const permission of action.permissions)
      for (const access of neededIn(cluster, permission))
        wanted.set(JSON.stringify(access), { access, why: `${action.name}: ${permission.why}` });
  const missing: Check[] = [];
  const all = [...wanted.values()];
  for (let at = 0; at < all.length; at += atOnce) {
    const answers = await Promise.all(
      all.slice(at, at + atOnce).map(async (one) => ({ ...one, allowed: await may(cluster, one.access) })),
    );
    for (const { access, why, allowed } of answers)
      if (!allowed)
        missing.push(
          failed(
            name,
            `may not ${inWords(access)} (${why})`,
            `firebreak permissions --system kubernetes --cluster ${cluster.name} | kubectl apply -f -`,
          ),
        );
  }
  return missing.length > 0 ? missing : [ok(name, `all ${all.length} that the actions need`)];
}

async function checkAdmin(name: string, cluster: Cluster): Promise<Check[]> {
  if (!(await may(cluster, { group: '*', resource: '*', verb: '*' })))
    return [ok(name, 'the engine is not cluster-admin')];
  return [
    warning(
      name,
      'the engine may do everything: whoever takes it over has the cluster',
      'give it a ServiceAccount with the output of firebreak permissions',
    ),
  ];
}

function neededIn({ name }: Cluster, permission: Permission): Access[] {
  if (permission.system !== 'kubernetes' || (permission.cluster ?? name) !== name) return [];
  return accesses(permission);
}

/** Every single access that a permission stands for. */
function accesses({ apiGroups, resources, verbs, resourceNames, namespace }: KubernetesPermission): Access[] {
  const names: (string | undefined)[] = resourceNames ?? [undefined];
  return apiGroups.flatMap((group) =>
    resources.flatMap((path) => {
      const [resource = '', subresource] = path.split('/');
      return verbs.flatMap((verb) =>
        names.map((name) => ({
          group,
          resource,
          verb,
          ...(namespace === undefined ? {} : { namespace }),
          ...(subresource === undefined ? {} : { subresource }),
          ...(name === undefined ? {} : { name }),
        })),
      );
    }),
  );
}

interface AccessReview extends KubernetesObject {
  status?: { allowed?: boolean };
}

async function may(cluster: Cluster, resourceAttributes: Access): Promise<boolean> {
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes },
  };
  const where = { group: 'authorization.k8s.io', version: 'v1', resource: 'selfsubjectaccessreviews' };
  const answer = await cluster.create<AccessReview>(where, review, { timeoutMs });
  return answer.status?.allowed === true;
}

function inWords({ namespace, group, resource, subresource, verb, name }: Access): string {
  const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
  const whole = subresource === undefined ? resource : `${resource}/${subresource}`;
  return `${verb} ${group === '' ? whole : `${whole}.${group}`}${name === undefined ? '' : ` ${name}`}${where}`;
}
