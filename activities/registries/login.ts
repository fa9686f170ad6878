import type { Secret } from '../../domain/secret.ts';
import { basic, createServiceClient } from '../service/client.ts';
import { isServiceError } from '../service/errors.ts';
import type { BasicAuthConfig } from './registries.ts';

/** Tries credentials at the base of a registry's API: what `docker login` asks (OCI distribution-spec, end-1). */
export function loginTo(registry: BasicAuthConfig, signal: AbortSignal) {
  const client = createServiceClient({
    service: `registries.${registry.name}`,
    baseUrl: registry.url,
    authorization: () => Promise.resolve({ headers: {}, secrets: [] }),
  });
  return {
    /** Whether it answers 200, and not 401. Without a user: whether it lets anybody in. */
    async tried(user: string | undefined, password: Secret | undefined): Promise<boolean> {
      try {
        await client.read({
          operation: user === undefined ? 'look whether it asks for a password' : `log in as ${user}`,
          path: '/v2/',
          signal,
          as: user === undefined || password === undefined ? 'nobody' : basic(user, password),
        });
        return true;
      } catch (error) {
        if (isServiceError(error, 'unauthenticated')) return false;
        throw error;
      }
    },
    close: () => client.close(),
  };
}
