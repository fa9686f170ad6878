import { request } from 'node:https';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { kubectl } from '../demo/firebreak.ts';
import type { Kubernetes } from '../kubernetes.ts';
import { actionsSecret, repository, workflow, type Beside } from './beside.ts';
import { letIn } from './let-in.ts';
import type { Stolen } from './rehearsal.ts';
import { accessKey, functionSession } from './stolen-cloud.ts';
import { gitLabToken, robotSecret, runnerToken } from './stolen-project.ts';

/** A credential in wrong hands. */
export interface Loot {
  /** In words, never its value. */
  what: string;
  value: string;
  /** What names it and is no secret, where it has such. */
  id?: string | number;
  provenBy: string;
  /** When it was first used by whoever stole it. Milliseconds since the epoch. */
  leakedAt: number;
  /** Since when it has been refused each time; absent while it works. */
  refusedSince?: number;
  /** Digests of images that were pushed with it. */
  pushed: string[];
  /** Ends the trying. */
  caught(): Promise<void>;
}

export interface Credential {
  what: string;
  value: string;
  id?: string | number;
  /** Whether it is let in. */
  works(): Promise<boolean>;
  use?(): Promise<string[]>;
}

const everyMs = 200;
const firstWorksMs = 20_000;

/**
 * Steals a credential, uses it, and goes on trying it until it is caught.
 * @throws when it never worked: its refusal would prove nothing
 */
export async function steal(
  world: { kubernetes: Kubernetes; beside: Beside },
  stolen: Stolen,
): Promise<Loot> {
  const credential = await credentialOf(world, stolen);
  const { what, value, id } = credential;
  const end = Date.now() + firstWorksMs;
  while (!(await credential.works())) {
    if (Date.now() > end)
      throw new Error(`${what} does not work before the incident: nothing could be shown`);
    await sleep(everyMs);
  }
  const leakedAt = Date.now();
  const pushed = (await credential.use?.()) ?? [];
  const enough = new AbortController();
  const loot: Loot = {
    what,
    value,
    ...(id === undefined ? {} : { id }),
    provenBy: stolen['proven-by'],
    leakedAt,
    pushed,
    caught: async () => {
      enough.abort();
      await trying;
      // Once more, now that all is over.
      await look();
    },
  };
  const look = async (): Promise<void> => {
    if (await credential.works()) delete loot.refusedSince;
    else loot.refusedSince ??= Date.now();
  };
  const trying = (async () => {
    while (!enough.signal.aborted) {
      await look();
      await sleep(everyMs);
    }
  })();
  // What it fails with is told when it is caught.
  trying.catch(() => undefined);
  return loot;
}

async function credentialOf(
  { kubernetes, beside }: { kubernetes: Kubernetes; beside: Beside },
  stolen: Stolen,
): Promise<Credential> {
  if (stolen.kind === 'service-account-token') return serviceAccountToken(kubernetes, stolen);
  if (stolen.kind === 'access-key') return accessKey(beside, stolen);
  if (stolen.kind === 'function-session') return functionSession(beside, stolen);
  if (stolen.kind === 'github-token') return gitHubToken(beside, stolen);
  if (stolen.kind === 'gitlab-token') return gitLabToken(beside, stolen);
  if (stolen.kind === 'runner-token') return runnerToken(beside, stolen);
  if (stolen.kind === 'robot-secret') return robotSecret(beside, stolen);
  return registryPassword(beside, stolen);
}

async function serviceAccountToken(
  kubernetes: Kubernetes,
  { namespace, 'service-account': account }: Extract<Stolen, { kind: 'service-account-token' }>,
): Promise<Credential> {
  const args = ['-n', namespace, 'create', 'token', account];
  const { code, stdout, stderr } = await kubectl(kubernetes, kubernetes.adminKubeconfig, args);
  if (code !== 0) throw new Error(stderr);
  const value = stdout.trim();
  const ca = await readFile(kubernetes.caFile, 'utf8');
  const url = new URL(`/api/v1/namespaces/${namespace}/configmaps`, kubernetes.url);
  return {
    what: `a token of ServiceAccount ${namespace}/${account}`,
    value,
    works: async () => {
      const status = await new Promise<number>((resolve, reject) => {
        request(url, { ca, agent: false, headers: { authorization: `Bearer ${value}` } }, (response) => {
          response.resume().on('end', () => resolve(response.statusCode ?? 0));
        })
          .on('error', reject)
          .end();
      });
      return letIn('the API server', status);
    },
  };
}

async function gitHubToken(
  { github, vault }: Beside,
  { secret }: Extract<Stolen, { kind: 'github-token' }>,
): Promise<Credential> {
  if (github === undefined)
    throw new Error('a GitHub token is stolen where there is no GitHub: add beside: [github]');
  const value = github.issueToken({ kind: 'ghp', login: 'ci-bot', repositories: [repository] });
  await vault.put(secret, value);
  github.startRun({ repository, workflow });
  return {
    what: 'a GitHub token of ci-bot',
    value,
    works: async () => {
      const answer = await fetch(`${github.apiUrl}/user`, {
        headers: { authorization: `Bearer ${value}`, 'user-agent': 'thief' },
      });
      await answer.arrayBuffer();
      return letIn('GitHub', answer.status);
    },
  };
}

async function registryPassword(
  { registry, github, vault, passwords }: Beside,
  { secret, pushes }: Extract<Stolen, { kind: 'registry-password' }>,
): Promise<Credential> {
  const value = passwords['ci'];
  if (registry === undefined || value === undefined)
    throw new Error('a password of the registry is stolen where there is none: add beside: [registry]');
  await vault.put(secret, value);
  github?.setSecret({ for: 'actions', repository }, actionsSecret, value, new Date(Date.now() - 60_000));
  return {
    what: "the registry's password of ci",
    value,
    works: async () => letIn('the registry', await registry.status('ci', value)),
    use: async () => {
      const digests: string[] = [];
      for (let n = 1; n <= pushes; n++)
        digests.push(await registry.push('ci', value, 'shop/web', `1.4.${n + 2}`));
      return digests;
    },
  };
}
