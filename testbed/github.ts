import { randomBytes } from 'node:crypto';
import { Description } from './github/description.ts';
import { startBackend, type AppSpec } from './github/emulator.ts';
import { Front, type Fault } from './github/front.ts';
import { State, type OAuthApp, type Place } from './github/state.ts';
import type { CallRecord, RunSpec, TokenSpec } from './github/types.ts';
import type { WorkflowState } from './github/workflows.ts';

export type { Fault } from './github/front.ts';
export type { Place } from './github/state.ts';
export type { RunSpec, TokenSpec } from './github/types.ts';

export interface GitHubOptions {
  /** `owner/name`: owners that are not in `users` are organizations. */
  repositories: readonly string[];
  users?: readonly string[];
  /** File names by repository. */
  workflows?: { [repository: string]: readonly string[] };
  /** Names by repository. */
  environments?: { [repository: string]: readonly string[] };
  app?: AppSpec;
}

/** A GitHub on 127.0.0.1 that takes nothing but what GitHub's API description allows. */
export interface GitHubTestbed {
  apiUrl: string;
  /** Of the installed App, PEM. */
  appPrivateKey: string;
  /** An OAuth App of which tokens can be issued by `clientId`. */
  oauth: OAuthApp;
  issueToken(spec: TokenSpec): string;
  isAlive(token: string): boolean;
  /** How long after its 202 a revocation is carried out; Infinity: never. At once unless told. */
  delayRevocations(ms: number): void;
  /** How many known credentials were handed in for revocation. */
  submissions(): number;
  /** How many unauthenticated requests this hour still has. */
  leaveUnauthenticated(requests: number): void;
  setSecret(place: Place, name: string, value: string, at?: Date): void;
  /** An organization's secret for some repositories only. */
  shareSecret(place: Place, name: string, value: string, repositoryIds: number[]): void;
  /** What jobs would get; GitHub shows it to nobody. */
  revealSecret(place: Place, name: string): string | undefined;
  /** `updated_at` of it. */
  secretTime(place: Place, name: string): string;
  /** How often a value arrived there by the API. */
  secretWrites(place: Place): number;
  visibilityOf(place: Place, name: string): { visibility?: string; repositoryIds?: number[] };
  setWorkflowState(repository: string, file: string, state: WorkflowState): void;
  workflowState(repository: string, file: string): WorkflowState;
  startRun(run: RunSpec): number;
  runStatus(repository: string, id: number): { status: string; conclusion: string | null };
  /** A run comes to its own end. */
  endRun(repository: string, id: number): void;
  repositoryId(repository: string): Promise<number>;
  fail(operation: string, fault: Fault, calls?: number): void;
  /** Forgets the planned faults that no call has met. */
  clearFaults(): void;
  calls(operation?: string): CallRecord[];
  /** Moves GitHub's clock. */
  advance(ms: number): void;
  /** Requests that GitHub's API does not know, empty unless something is wrong; `stop` rejects when there are any. */
  violations(): string[];
  stop(): Promise<void>;
}

/** Starts it: npm `emulate` for accounts, repositories and the App, and an addition for the rest. See docs/reference/testbed-github.md. */
export async function startGitHub(options: GitHubOptions): Promise<GitHubTestbed> {
  const { repositories, users = ['owner'], app } = options;
  const owners = new Set(repositories.map((one) => one.split('/')[0] ?? ''));
  const backend = await startBackend({
    users,
    repositories,
    organizations: [...owners].filter((one) => !users.includes(one)),
    ...(app === undefined ? {} : { app }),
  });
  await State.ready();
  let offset = 0;
  const oauth = {
    clientId: `Iv1.${randomBytes(8).toString('hex')}`,
    clientSecret: randomBytes(20).toString('hex'),
  };
  const state = new State({
    backend,
    oauth,
    environments: options.environments ?? {},
    app,
    now: () => Date.now() + offset,
  });
  for (const [repository, files] of Object.entries(options.workflows ?? {}))
    for (const file of files) state.workflows.add(repository, file);
  const front = await Front.start(state, Description.read());

  return {
    apiUrl: front.url,
    appPrivateKey: backend.privateKey,
    oauth,
    issueToken: (spec) => state.tokens.issue(spec).value,
    isAlive: (value) => {
      const token = state.tokens.get(value);
      return token !== undefined && state.tokens.isAlive(token);
    },
    delayRevocations: (ms) => {
      state.revocationMs = ms;
    },
    submissions: () => state.submitted.length,
    leaveUnauthenticated: (requests) => state.tokens.leave(requests),
    setSecret: (place, name, value, at) => state.vault(place).set(name, value, {}, at?.getTime()),
    shareSecret: (place, name, value, repositoryIds) =>
      state.vault(place).set(name, value, { visibility: 'selected', repositoryIds }, Date.now() - 60_000),
    revealSecret: (place, name) => state.vault(place).reveal(name),
    secretTime: (place, name) => state.vault(place).get(name).updatedAt,
    secretWrites: (place) => state.vault(place).writes,
    visibilityOf: (place, name) => state.vault(place).get(name),
    setWorkflowState: (repository, file, to) => {
      state.workflows.find(repository, file).state = to;
    },
    workflowState: (repository, file) => state.workflows.find(repository, file).state,
    startRun: (run) => state.workflows.start(run),
    runStatus: (repository, id) => state.workflows.statusOf(state.workflows.run(repository, id)),
    endRun: (repository, id) => state.workflows.end(state.workflows.run(repository, id)),
    repositoryId: async (repository) => Number((await backend.get(`/repos/${repository}`))['id']),
    fail: (operation, fault, calls = 1) => front.plan(operation, fault, calls),
    clearFaults: () => front.clearFaults(),
    calls: (operation) =>
      front.calls.filter((call) => operation === undefined || call.operation === operation),
    advance: (ms) => {
      offset += ms;
    },
    violations: () => [...front.violations],
    stop: async () => {
      await front.stop();
      await backend.stop();
      if (front.violations.length > 0)
        throw new Error(`requests that GitHub's API does not allow:\n${front.violations.join('\n')}`);
    },
  };
}
