import { randomBytes } from 'node:crypto';
import sodium from 'libsodium-wrappers';
import { notFound, Refusal, type JsonObject } from './types.ts';

interface Stored {
  value: string;
  createdAt: string;
  updatedAt: string;
  /** Of organizations only. */
  visibility?: string;
  repositoryIds?: number[];
}

/** The secrets of one place, such as a repository's for Actions, with the key pair that values are sealed for. */
export class Vault {
  readonly keyId = String(BigInt(`0x${randomBytes(7).toString('hex')}`));
  readonly #keys = sodium.crypto_box_keypair();
  readonly #secrets = new Map<string, Stored>();
  readonly #now: () => number;
  /** How often a value arrived, for tests that must see no second one. */
  writes = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  publicKey(): JsonObject {
    return {
      key_id: this.keyId,
      key: Buffer.from(this.#keys.publicKey).toString('base64'),
    };
  }

  /** Puts a value there by hand, as a person would in the settings. */
  set(
    name: string,
    value: string,
    more: Pick<Stored, 'visibility' | 'repositoryIds'> = {},
    at = this.#now(),
  ): void {
    const time = seconds(at);
    const before = this.#secrets.get(name.toUpperCase());
    this.#secrets.set(name.toUpperCase(), {
      ...more,
      value,
      createdAt: before?.createdAt ?? time,
      updatedAt: time,
    });
  }

  /** What is there now: GitHub itself never shows it. */
  reveal(name: string): string | undefined {
    return this.#secrets.get(name.toUpperCase())?.value;
  }

  /** @returns 201 for a new one, 204 else. @throws Refusal 422 for a box that this vault's key does not open */
  put(name: string, body: JsonObject): number {
    if (body['key_id'] !== this.keyId) throw new Refusal(422, 'The provided key_id is not the current one');
    if (/^(GITHUB_|\d)|[^A-Z0-9_]/i.test(name))
      throw new Refusal(422, 'Secret names can only contain alphanumeric characters');
    const box = Buffer.from(String(body['encrypted_value']), 'base64');
    let opened: string;
    try {
      const bytes = sodium.crypto_box_seal_open(box, this.#keys.publicKey, this.#keys.privateKey);
      opened = Buffer.from(bytes).toString('utf8');
    } catch {
      throw new Refusal(422, 'The encrypted value could not be decrypted');
    }
    const isNew = !this.#secrets.has(name.toUpperCase());
    const { visibility, selected_repository_ids: ids } = body;
    this.set(name, opened, {
      ...(typeof visibility === 'string' ? { visibility } : {}),
      ...(Array.isArray(ids) ? { repositoryIds: ids.map(Number) } : {}),
    });
    this.writes += 1;
    return isNew ? 201 : 204;
  }

  get(name: string): Stored {
    const found = this.#secrets.get(name.toUpperCase());
    if (found === undefined) throw notFound();
    return found;
  }

  /** As the API shows it. */
  shown(name: string, organizationUrl?: string): JsonObject {
    const { createdAt, updatedAt, visibility } = this.get(name);
    return {
      name: name.toUpperCase(),
      created_at: createdAt,
      updated_at: updatedAt,
      ...(organizationUrl === undefined
        ? {}
        : {
            visibility: visibility ?? 'all',
            ...(visibility === 'selected'
              ? { selected_repositories_url: `${organizationUrl}/secrets/${name}/repositories` }
              : {}),
          }),
    };
  }

  names(): string[] {
    return [...this.#secrets.keys()];
  }
}

/** GitHub's times have whole seconds. */
export function seconds(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}
