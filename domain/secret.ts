import type { Permission, Verb } from './permission.ts';
import { placeholder, remember } from './redaction.ts';

/**
 * A secret value on its way from a source to a store, inside one activity. It shows itself to nobody who does not ask by `reveal`: text, JSON, logs
 * and `util.inspect` get a placeholder.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    if (value === '') throw new RangeError('an empty text is no secret');
    this.#value = value;
    remember(value);
  }

  /** The value. Only for the call that sends it to where it is used or kept. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return placeholder;
  }

  toJSON(): string {
    return placeholder;
  }

  /** For `util.inspect`, without importing it. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return placeholder;
  }
}

/** For whom and how long a store is asked. */
export interface SecretCall {
  signal: AbortSignal;
  /** Acts for this incident, where the store's own log shows for whom. */
  incident?: string;
}

export interface StoredSecret {
  value: Secret;
  /** Changes with every write. Shows nothing of the value. */
  version: string;
}

/** Where values are kept. Playbooks, plans, histories and messages hold names only. Paths are the part of a name after the store's. */
export interface SecretStore {
  /** As configured. */
  readonly name: string;
  /** The system that a person would look into: `secret ci/deployer in AWS account production`. */
  describe(path: string): string;
  /** Where workloads take it from, when it is a key of a Secret of Kubernetes. */
  kubernetes?(path: string): { cluster: string; namespace: string; secret: string; key: string };
  /** undefined when there is none. */
  read(path: string, options: SecretCall): Promise<StoredSecret | undefined>;
  /** What the last write of ours replaced; undefined when there is none, or it was not kept. */
  previous(path: string, options: SecretCall): Promise<Secret | undefined>;
  /**
   * Puts a value where `version` was read, or where nothing is when it is absent. The same call again, after an answer was lost, is success.
   * @throws FirebreakError FB3402 when somebody else wrote meanwhile; nothing was changed then
   */
  write(
    path: string,
    value: Secret,
    options: SecretCall & {
      version?: string;
      /** Keeps what is replaced, for `previous`. Some stores do so anyway. */
      keepPrevious?: boolean;
    },
  ): Promise<{ version: string }>;
}

/**
 * The store of a secret's name, `<store>/<path>` as inputs of type `secret` hold it, and its path.
 * @throws FirebreakError FB3401 naming the stores that are configured
 */
export interface SecretStores {
  (name: string): { store: SecretStore; path: string };
  /** What the engine needs in the stores that are configured, for an action that reads them or writes them too. */
  permissions?: (use: 'read' | 'write', verb: Verb) => Permission[];
}
