import { placeOf } from '../../domain/action.ts';
import { FirebreakError } from '../../domain/errors.ts';
import { truncate } from '../../domain/safe-text.ts';
import type { Secret } from '../../domain/secret.ts';

/** Reads a credential of the configuration when it is needed. @throws FB6004 */
export type ReadCredential = () => Promise<Secret>;

interface ForgeBase {
  name: string;
  environment: string;
}

/** GitHub as configured. */
export interface GitHubConfig extends ForgeBase {
  kind: 'github';
  /** Without a slash at the end. */
  apiUrl: string;
  auth: { token: ReadCredential } | { app: number; installation: number; privateKey: ReadCredential };
  /** Of an OAuth App whose tokens can be revoked. */
  oauth?: { clientId: string; clientSecret: ReadCredential };
}

/** A GitLab instance as configured. */
export interface GitLabConfig extends ForgeBase {
  kind: 'gitlab';
  /** Without /api/v4 and without a slash at the end. */
  url: string;
  token: ReadCredential;
}

export type ForgeConfig = GitHubConfig | GitLabConfig;

/** Finds a configured forge of the kind that an action is for. @throws FB3501 naming the ones of that kind */
export type ForgeRegistry = <K extends ForgeConfig['kind']>(
  kind: K,
  name: string,
) => Extract<ForgeConfig, { kind: K }>;

export function forgeRegistry(forges: readonly ForgeConfig[]): ForgeRegistry {
  return <K extends ForgeConfig['kind']>(kind: K, name: string) => {
    const ofKind = forges.filter((forge): forge is Extract<ForgeConfig, { kind: K }> => forge.kind === kind);
    const forge = ofKind.find((candidate) => candidate.name === name);
    if (forge !== undefined) return forge;
    const known = ofKind.map((candidate) => candidate.name).join(', ') || 'none';
    throw new FirebreakError(
      'FB3501',
      `forge ${JSON.stringify(truncate(name, 80))} is not configured as ${kind}; configured: ${known}`,
    );
  };
}

/** How targets and holds name it. */
export function forgePlace({ name }: ForgeBase): string {
  return placeOf('forge', name);
}
