/**
 * A secret value on its way from a source to a store, inside one activity. It shows itself to nobody who does not ask by `reveal`: text, JSON, logs
 * and `util.inspect` get a placeholder.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    if (value === '') throw new RangeError('an empty text is no secret');
    this.#value = value;
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

/** What stands where a secret was. */
export const placeholder = '[secret]';

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
  /** undefined when there is none. */
  read(path: string, options: { signal: AbortSignal }): Promise<StoredSecret | undefined>;
  /**
   * Puts a value where `version` was read, or where nothing is when it is absent. The same call again, after an answer was lost, is success.
   * @throws FirebreakError FB3402 when somebody else wrote meanwhile; nothing was changed then
   */
  write(
    path: string,
    value: Secret,
    options: { signal: AbortSignal; version?: string },
  ): Promise<{ version: string }>;
}

/**
 * The store of a secret's name, `<store>/<path>` as inputs of type `secret` hold it, and its path.
 * @throws FirebreakError FB3401 naming the stores that are configured
 */
export type SecretStores = (name: string) => { store: SecretStore; path: string };
