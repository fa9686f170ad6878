import { placeOf } from '../../domain/action.ts';
import { FirebreakError } from '../../domain/errors.ts';
import { truncate } from '../../domain/safe-text.ts';
import type { Secret } from '../../domain/secret.ts';

interface RegistryBase {
  name: string;
  environment: string;
  /** Without a slash at the end. */
  url: string;
}

/** A Harbor as configured. */
export interface HarborConfig extends RegistryBase {
  kind: 'harbor';
  username: string;
  password: () => Promise<Secret>;
}

/** A registry whose users are an htpasswd file in a secret store. */
export interface BasicAuthConfig extends RegistryBase {
  kind: 'basic-auth';
  /** Name of the secret that holds the htpasswd file. */
  htpasswd: string;
}

export type RegistryConfig = HarborConfig | BasicAuthConfig;

/** Finds a configured registry of the kind that an action is for. @throws FB3601 naming the ones of that kind */
export type RegistryRegistry = <K extends RegistryConfig['kind']>(
  kind: K,
  name: string,
) => Extract<RegistryConfig, { kind: K }>;

export function registryRegistry(registries: readonly RegistryConfig[]): RegistryRegistry {
  return <K extends RegistryConfig['kind']>(kind: K, name: string) => {
    const ofKind = registries.filter(
      (registry): registry is Extract<RegistryConfig, { kind: K }> => registry.kind === kind,
    );
    const registry = ofKind.find((candidate) => candidate.name === name);
    if (registry !== undefined) return registry;
    const known = ofKind.map((candidate) => candidate.name).join(', ') || 'none';
    throw new FirebreakError(
      'FB3601',
      `registry ${JSON.stringify(truncate(name, 80))} is not configured as ${kind}; configured: ${known}`,
    );
  };
}

/** How targets and holds name it. */
export function registryPlace({ name }: RegistryBase): string {
  return placeOf('registry', name);
}
