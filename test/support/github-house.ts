import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { forgeRegistry, type GitHubConfig } from '../../activities/ci/forges.ts';
import { ciActions } from '../../activities/ci/index.ts';
import { fileStore } from '../../activities/secrets/file.ts';
import { secretStores } from '../../activities/secrets/index.ts';
import type { Action, Applied, Mandate, Plan, Undone, Verification } from '../../domain/action.ts';
import type { EvidenceStore } from '../../domain/evidence.ts';
import { jsonCopy, type JsonObject } from '../../domain/json.ts';
import { Secret, type SecretStore } from '../../domain/secret.ts';
import { openEvidence } from '../../stores/evidence.ts';
import { startGitHub, type GitHubTestbed } from '../../testbed/github.ts';
import { contextOf, type Intents } from './action-context.ts';

export const repository = 'acme/shop';
const app = {
  appId: 7,
  installationId: 9,
  account: 'acme',
  permissions: { actions: 'write', metadata: 'read' },
} as const;

/** A GitHub, the engine under the permissions that each action names and no others, and stores for evidence and secrets. */
export interface GitHubHouse {
  github: GitHubTestbed;
  evidence: EvidenceStore;
  secrets: SecretStore;
  /** Puts a value into the store; its name for inputs. */
  keep(path: string, value: string): Promise<string>;
  /** The token that the engine acts by in an action, here and now. */
  engineToken(action: string): string;
  /** Takes one permission from an action, or lowers it to reading. */
  reduce(action: string, scope: string, to?: 'read'): void;
  /** Gives an action what it names again. */
  restore(action: string): void;
  /** Gives the App another private key, for actions from now on. */
  appKey(pem: string): void;
  step(action: string, input: JsonObject, forge?: 'acme' | 'as-app'): Step;
  /** All that ever left the actions: plans, results, errors, boundaries, intents, evidence. */
  seen: string[];
  close(): Promise<void>;
}

/** One step of a playbook, run by as many workers as it takes. */
export interface Step {
  plan(): Promise<Plan>;
  apply(): Promise<Applied>;
  verify(): Promise<Verification>;
  undo(): Promise<Undone>;
  /** Killed at the first boundary, then at the second …, until it gets through. */
  killedEverywhere(verb: 'apply' | 'undo'): Promise<{ kills: number; result: Applied | Undone }>;
  /** Killed at this boundary, counted from 1. False when the verb came to its end before. */
  killedAt(verb: 'apply' | 'undo', boundary: number): Promise<boolean>;
}

class Killed extends Error {}

type Permissions = { [permission: string]: 'read' | 'write' };

/** What an App or a fine-grained token must be given for an action. */
function scopesOf({ permissions }: Pick<Action, 'permissions'>): Permissions {
  const scopes: Permissions = {};
  for (const permission of permissions) {
    if (permission.system !== 'github') continue;
    const [, scope, level] = /^(\w+): (read|write)$/.exec(permission.scope) ?? [];
    if (scope !== undefined && scopes[scope] !== 'write')
      scopes[scope] = level === 'write' ? 'write' : 'read';
  }
  return scopes;
}

export async function openGitHubHouse(): Promise<GitHubHouse> {
  const github = await startGitHub({
    repositories: [repository, 'acme/other', 'ana/toy'],
    users: ['ana', 'ben'],
    workflows: { [repository]: ['release.yml', 'test.yml'], 'ana/toy': ['ci.yml'] },
    environments: { [repository]: ['production', 'staging'] },
    app,
  });
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-github-'));
  const evidence = await openEvidence(join(dir, 'evidence'), { maxTotalBytes: 1e9, maxArtefactBytes: 1e8 });
  const secrets = fileStore('vault', join(dir, 'secrets'));
  const tokens = new Map<string, { permissions: Permissions; value: string }>();
  /** The action whose verb runs: tests run one at a time. */
  let acting = '';
  let appKey = github.appPrivateKey;
  const base = { kind: 'github', environment: 'staging', apiUrl: github.apiUrl } as const;
  const oauth = {
    clientId: github.oauth.clientId,
    clientSecret: async () => new Secret(github.oauth.clientSecret),
  };
  const forges: GitHubConfig[] = [
    { ...base, name: 'acme', auth: { token: async () => new Secret(engineToken(acting)) }, oauth },
    {
      ...base,
      name: 'as-app',
      auth: {
        app: app.appId,
        installation: app.installationId,
        privateKey: async () => new Secret(appKey),
      },
    },
  ];
  const makeActions = () => ciActions({ forges: forgeRegistry(forges), secrets: secretStores([secrets]) });
  let actions = makeActions();
  for (const action of actions) if (action.name.startsWith('github.')) issue(action.name, scopesOf(action));

  function issue(action: string, permissions: Permissions): void {
    const spec = { kind: 'github_pat', login: 'ben', repositories: [repository, 'acme/other'] } as const;
    tokens.set(action, { permissions, value: github.issueToken({ ...spec, permissions }) });
  }

  function engineToken(action: string): string {
    return tokens.get(action)?.value ?? '';
  }
  const seen: string[] = [];

  /** Remembers what a verb gives or throws, as logs and histories would show it. */
  async function watched<T>(action: string, what: () => Promise<T>): Promise<T> {
    acting = action;
    try {
      const result = await what();
      seen.push(JSON.stringify(result));
      return result;
    } catch (error) {
      if (!(error instanceof Killed))
        seen.push(inspect(error, { depth: 20, showHidden: true, getters: true }));
      throw error;
    }
  }

  function find(name: string): (typeof actions)[number] {
    const action = actions.find((one) => one.name === name);
    if (action === undefined) throw new Error(`there is no action ${name}`);
    return action;
  }

  function step(name: string, given: JsonObject, forge = 'acme'): Step {
    const action = find(name);
    const input = jsonCopy(action.input.parse({ forge, ...given }));
    const intents: Intents = new Map();
    let planned: Plan | undefined;
    const mandate = (): Mandate => {
      if (planned === undefined) throw new Error('plan first');
      return { incident: 'inc-1', step: 's', input, authority: planned.authority, base: planned.snapshot };
    };
    const context = (atBoundary: () => void = () => undefined) =>
      contextOf(evidence, {
        intents,
        atBoundary: (boundary) => {
          seen.push(boundary, JSON.stringify([...intents]));
          atBoundary();
        },
      });
    /** undefined when it was killed. */
    async function killed(verb: 'apply' | 'undo', at: number): Promise<Applied | Undone | undefined> {
      let boundary = 0;
      const atBoundary = () => {
        if (++boundary === at) throw new Killed();
      };
      try {
        return await watched<Applied | Undone>(name, () => action[verb](context(atBoundary), mandate()));
      } catch (error) {
        if (error instanceof Killed) return undefined;
        throw error;
      }
    }
    return {
      plan: () =>
        watched(name, async () => {
          planned = await action.plan(context(), { incident: 'inc-1', step: 's', input });
          for (const ref of [planned.snapshot, planned.full])
            seen.push(Buffer.from(await evidence.get(ref)).toString('utf8'));
          return planned;
        }),
      apply: () => watched(name, () => action.apply(context(), mandate())),
      verify: () => watched(name, () => action.verify(context(), mandate())),
      undo: () => watched(name, () => action.undo(context(), mandate())),
      async killedEverywhere(verb) {
        for (let kills = 0; ; kills++) {
          const result = await killed(verb, kills + 1);
          if (result !== undefined) return { kills, result };
        }
      },
      killedAt: async (verb, boundary) => (await killed(verb, boundary)) === undefined,
    };
  }

  return {
    github,
    evidence,
    secrets,
    engineToken,
    restore: (action) => issue(action, scopesOf(find(action))),
    reduce(action, scope, to) {
      const { [scope]: _, ...rest } = tokens.get(action)?.permissions ?? {};
      issue(action, to === undefined ? rest : { ...rest, [scope]: to });
    },
    appKey(pem) {
      appKey = pem;
      actions = makeActions();
    },
    step,
    seen,
    async keep(path, value) {
      const signal = AbortSignal.timeout(10_000);
      const found = await secrets.read(path, { signal });
      await secrets.write(path, new Secret(value), {
        signal,
        ...(found === undefined ? {} : { version: found.version }),
      });
      return `vault/${path}`;
    },
    async close() {
      await rm(dir, { recursive: true, force: true });
      await github.stop();
    },
  };
}
