import { ready } from 'libsodium-wrappers';
import type { Backend } from './emulator.ts';
import { Vault } from './sealed.ts';
import { Tokens, type Token } from './tokens.ts';
import { notFound } from './types.ts';
import { Workflows } from './workflows.ts';

export interface OAuthApp {
  clientId: string;
  clientSecret: string;
}

/** Where secrets of one name can be: each place has a key pair of its own. */
export interface Place {
  for: 'actions' | 'dependabot';
  repository?: string;
  environment?: string;
  organization?: string;
}

/** Everything that the front knows and npm `emulate` does not. */
export class State {
  readonly tokens: Tokens;
  readonly workflows: Workflows;
  readonly backend: Backend;
  readonly oauth: OAuthApp | undefined;
  readonly environments: { [repository: string]: readonly string[] };
  readonly app: { account: string; repositories?: readonly string[] } | undefined;
  readonly now: () => number;
  /** How long after its 202 a revocation is carried out. */
  revocationMs: number = 0;
  /** Submitted for revocation, by tokens that GitHub knows. */
  readonly submitted: Token[] = [];
  readonly #vaults = new Map<string, Vault>();

  constructor(parts: Pick<State, 'backend' | 'oauth' | 'environments' | 'app' | 'now'>) {
    this.now = parts.now;
    this.tokens = new Tokens(parts.now);
    this.workflows = new Workflows(parts.now);
    this.backend = parts.backend;
    this.oauth = parts.oauth;
    this.environments = parts.environments;
    this.app = parts.app;
  }

  /** libsodium is WebAssembly: nothing of it works before. */
  static async ready(): Promise<void> {
    await ready;
  }

  environmentsOf(repository: string): readonly string[] {
    return this.environments[repository] ?? [];
  }

  vault(place: Place): Vault {
    const { repository = '', environment, organization } = place;
    if (environment !== undefined && !this.environmentsOf(repository).includes(environment)) throw notFound();
    const key = JSON.stringify([
      place.for,
      repository.toLowerCase(),
      environment,
      organization?.toLowerCase(),
    ]);
    let vault = this.#vaults.get(key);
    if (vault === undefined) {
      vault = new Vault(this.now);
      this.#vaults.set(key, vault);
    }
    return vault;
  }
}
