import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hash } from 'bcryptjs';
import type { Firebreak } from '../demo/firebreak.ts';
import { startCloud, type Cloud } from './cloud.ts';
import { startGitHub, type GitHubTestbed } from '../github.ts';
import { startImages, startProject, type Images, type Project } from './project.ts';
import { startRegistry, type Registry } from '../registry.ts';
import type { Rehearsal } from './rehearsal.ts';
import { startShopMetrics, type ShopMetrics } from './shop-metrics.ts';
import { pushSignedImages, type SignedImages } from './signed-images.ts';
import { Vault } from './vault.ts';

export interface Beside {
  /** The secret store `vault`. */
  vault: Vault;
  github?: GitHubTestbed;
  cloud?: Cloud;
  registry?: Registry;
  /** In that registry. */
  signedImages?: SignedImages;
  metrics?: ShopMetrics;
  /** In a GitLab. */
  project?: Project;
  /** In a Harbor. */
  images?: Images;
  /** Of the registry's users, by name. */
  passwords: { [user: string]: string };
  /** Adds what belongs in no record. */
  remember(name: string, value: string): void;
  /** What belongs in no record, by a name that may be shown: what is here now, the vault's values too. */
  secrets(): Promise<{ [name: string]: string }>;
}

export const repository = 'acme/shop';
export const workflow = 'release.yml';
export const actionsSecret = 'REGISTRY_PASSWORD';
/** What the registry's notifications, and the rehearsals, know it by. */
const registryName = 'images';
/** Of the registry: somebody else's, and the one that CI pushes with. */
const users = ['ana', 'ci'];
/** As a kubelet brings a changed Secret to a container, only sooner. */
const mountMs = 100;
/** What the pages of the actions say that the engine's token needs. */
const enginePermissions = { metadata: 'read', actions: 'write', secrets: 'write' } as const;

/** Starts what the rehearsals need beside the cluster, and writes its places into the configuration. Stopped by `ending`. */
export async function startBeside(
  firebreak: Firebreak,
  rehearsals: readonly { id: string; rehearsal: Rehearsal }[],
  ending: (() => Promise<void>)[],
): Promise<Beside> {
  const needed = new Set(rehearsals.flatMap(({ rehearsal }) => rehearsal.beside));
  const vault = await Vault.open(join(firebreak.dir, 'vault'));
  const own: { [name: string]: string } = {};
  const beside: Beside = {
    vault,
    passwords: {},
    remember: (name, value) => {
      own[name] = value;
    },
    secrets: async () => ({ ...own, ...(await vault.values()) }),
  };
  const reports = rehearsals.flatMap(({ id, rehearsal: { open } }) =>
    'report' in open ? [routeOf(id, open.report)] : [],
  );
  const configuration: { [field: string]: object } = {
    secretStores: [{ name: 'vault', kind: 'file', directory: 'vault' }],
    sources: { scanner: { fields: scanned } },
  };
  const forges: object[] = [];
  const registries: object[] = [];
  const env: { [name: string]: string } = {};
  if (needed.has('github')) {
    const github = await startGitHub({
      repositories: [repository],
      users: ['engine', 'ci-bot'],
      workflows: { [repository]: [workflow] },
    });
    ending.push(() => github.stop());
    beside.github = github;
    env['ENGINE_GITHUB_TOKEN'] = own["the engine's GitHub token"] = github.issueToken({
      kind: 'github_pat',
      login: 'engine',
      repositories: [repository],
      permissions: enginePermissions,
    });
    forges.push({
      name: 'github',
      environment: 'production',
      kind: 'github',
      apiUrl: github.apiUrl,
      auth: { token: { env: 'ENGINE_GITHUB_TOKEN' } },
    });
  }
  if (needed.has('registry')) {
    const { registry, passwords, token } = await startNotifying(firebreak, vault, ending);
    own["the registry's token"] = token;
    beside.registry = registry;
    beside.passwords = passwords;
    for (const [user, password] of Object.entries(passwords)) own[`the password of ${user}`] = password;
    registries.push({
      name: registryName,
      environment: 'production',
      kind: 'basic-auth',
      url: registry.url,
      htpasswd: 'vault/registry/htpasswd',
    });
  }
  if (needed.has('signed-images') && beside.registry !== undefined) {
    const ana: [string, string] = ['ana', beside.passwords['ana'] ?? ''];
    const signed = await pushSignedImages(firebreak.dir, beside.registry, ana);
    beside.signedImages = signed;
    Object.assign(env, signed.env);
    Object.assign(configuration, signed.configuration);
    registries.push(signed.entry);
  }
  if (needed.has('metrics')) {
    const metrics = await startShopMetrics(ending);
    beside.metrics = metrics;
    configuration['metrics'] = [metrics.entry];
  }
  if (needed.has('gitlab')) {
    const project = await startProject(ending);
    beside.project = project;
    Object.assign(env, project.env);
    Object.assign(own, project.secrets);
    forges.push(project.entry);
  }
  if (needed.has('harbor')) {
    const images = await startImages(ending);
    beside.images = images;
    Object.assign(env, images.env);
    Object.assign(own, images.secrets);
    registries.push(images.entry);
  }
  if (needed.has('aws')) {
    const cloud = await startCloud(ending);
    beside.cloud = cloud;
    Object.assign(env, cloud.env);
    own["the engine's AWS key"] = cloud.env.AWS_SECRET_ACCESS_KEY;
    configuration['accounts'] = [cloud.account];
  }
  if (forges.length > 0) configuration['forges'] = forges;
  if (registries.length > 0) configuration['registries'] = registries;
  await firebreak.configure({ configuration, env, routes: reports });
  await beside.cloud?.grant(
    firebreak,
    rehearsals.map(({ id }) => id),
  );
  return beside;
}

/** A scanner's report, by the alert that it becomes. */
const scanned = {
  rule: 'body.rule',
  severity: "'critical'",
  namespace: 'body.namespace',
  cluster: "'shop'",
  detectedAt: 'body.detectedAt',
};

type Report = Extract<Rehearsal['open'], { report: object }>['report'];

function routeOf(playbook: string, { rule, inputs }: Report): object {
  const match = `alert.source == 'scanner' && alert.rule == ${JSON.stringify(rule)}`;
  return { name: `reports for ${playbook}`, match, playbook, inputs, mode: 'approve' };
}

/** A registry whose users are a file in the vault, and that tells Firebreak what is pushed. */
async function startNotifying(
  firebreak: Firebreak,
  vault: Vault,
  ending: (() => Promise<void>)[],
): Promise<{ registry: Registry; passwords: { [user: string]: string }; token: string }> {
  const passwords: { [user: string]: string } = {};
  const lines: string[] = [];
  for (const user of users) {
    const password = randomBytes(18).toString('base64url');
    passwords[user] = password;
    lines.push(`${user}:${(await hash(password, 4)).replace('$2b$', '$2y$')}`);
  }
  const htpasswd = `${lines.join('\n')}\n`;
  await vault.put('registry/htpasswd', htpasswd);
  const scope = ['--scope', 'registry-events', '--label', 'notifications'];
  const { stdout } = await firebreak.command(['token', 'create', '--owner', 'dana', ...scope]);
  const token = stdout.trim();
  const registry = await startRegistry({
    htpasswd,
    notify: {
      url: `${firebreak.url}/v1/registry-events/${registryName}`,
      headers: { Authorization: [`Bearer ${token}`] },
    },
  });
  const unmounted = new AbortController();
  const mounted = mount(vault, registry, htpasswd, unmounted.signal);
  ending.push(async () => {
    unmounted.abort();
    await mounted;
    await registry.stop();
  });
  return { registry, passwords, token };
}

/** Brings the file to the registry whenever it has changed, until the signal. */
async function mount(vault: Vault, registry: Registry, first: string, signal: AbortSignal): Promise<void> {
  for (let shown = first; !signal.aborted;) {
    const now = await vault.read('registry/htpasswd');
    if (now !== shown) await registry.writeHtpasswd(now);
    shown = now;
    await sleep(mountMs);
  }
}
