import type { Alert } from '../../domain/alert.ts';
import { sha256 } from '../../domain/json.ts';

/** An alert of Falco's about a pod in a namespace. */
export function alertFor(namespace: string, owner = 'falco', id = 'a1'): Alert {
  const at = new Date().toISOString();
  return {
    source: 'falco',
    id,
    rule: 'Terminal shell in container',
    severity: 'critical',
    summary: 'a shell',
    cluster: 'c1',
    namespace,
    pod: 'web-1',
    container: 'web',
    image: 'nginx',
    fields: {},
    detectedAt: at,
    receivedAt: at,
    owner,
    raw: { digest: sha256('{}'), size: 2, mediaType: 'application/json' },
  };
}
