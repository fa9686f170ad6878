import { FirebreakError } from '../../domain/errors.ts';
import { truncate } from '../../domain/safe-text.ts';
import type { Secret } from '../../domain/secret.ts';

/** A Prometheus, or what speaks its HTTP API, as configured. */
export interface MetricsConfig {
  name: string;
  environment: string;
  kind: 'prometheus';
  /** Without a slash at the end; may have a path. */
  url: string;
  /** How calls say who they are; nothing where the API asks for nothing. */
  auth?: { token: () => Promise<Secret> } | { username: string; password: () => Promise<Secret> };
}

/** @throws FB3901 naming the sources that are configured */
export type MetricsRegistry = (name: string) => MetricsConfig;

export function metricsRegistry(sources: readonly MetricsConfig[]): MetricsRegistry {
  return (name) => {
    const source = sources.find((candidate) => candidate.name === name);
    if (source !== undefined) return source;
    const known = sources.map((candidate) => candidate.name).join(', ') || 'none';
    throw new FirebreakError(
      'FB3901',
      `metrics ${JSON.stringify(truncate(name, 80))} is not configured; configured: ${known}`,
    );
  };
}
