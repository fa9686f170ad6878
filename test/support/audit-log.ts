import { readFile } from 'node:fs/promises';

interface AuditEvent {
  stage: string;
  verb: string;
  requestURI: string;
  user: { username: string };
  impersonatedUser?: { username: string };
  objectRef?: {
    apiGroup?: string;
    resource?: string;
    name?: string;
    namespace?: string;
    subresource?: string;
  };
  responseStatus?: { code?: number };
  responseObject?: { metadata?: { name?: string } };
  requestObject?: { metadata?: { name?: string } };
}

const writes = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/**
 * What a user really changed, as the API server saw it: `create networkpolicies/x`, or `create networkpolicies/shop/x` with namespaces, in order;
 * dry runs and refusals are none.
 */
export async function changesBy(
  auditLogFile: string,
  user: string,
  { withNamespaces = false } = {},
): Promise<string[]> {
  const lines = (await readFile(auditLogFile, 'utf8')).trim().split('\n');
  return lines
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(
      ({ stage, verb, requestURI, user: { username }, impersonatedUser, responseStatus, objectRef }) =>
        stage === 'ResponseComplete' &&
        username === user &&
        // A probe: its deletions say in the body that they are dry runs.
        impersonatedUser === undefined &&
        writes.has(verb) &&
        !requestURI.includes('dryRun=All') &&
        objectRef?.resource !== 'selfsubjectreviews' &&
        objectRef?.subresource === undefined &&
        (responseStatus?.code ?? 0) < 300,
    )
    .map(({ verb, objectRef, responseObject, requestObject }) => {
      const name = objectRef?.name ?? responseObject?.metadata?.name ?? requestObject?.metadata?.name ?? '?';
      const namespace = withNamespaces ? `${objectRef?.namespace ?? ''}/` : '';
      return `${verb} ${objectRef?.resource}/${namespace}${name}`;
    });
}

/** A request as RBAC judges it. */
export interface KubernetesRequest {
  group: string;
  /** With its subresource: `pods/log`. */
  resource: string;
  verb: string;
  name: string | undefined;
  namespace: string | undefined;
}

/** Every resource that a user asked for, granted or not, dry runs too. Whom it impersonates is a request of its own; what that one asks for is not the user's. */
export async function requestsBy(auditLogFile: string, user: string): Promise<KubernetesRequest[]> {
  const lines = (await readFile(auditLogFile, 'utf8')).trim().split('\n');
  const events = lines.map((line) => JSON.parse(line) as AuditEvent);
  const requests: KubernetesRequest[] = [];
  for (const {
    stage,
    verb,
    user: { username },
    impersonatedUser,
    objectRef,
  } of events) {
    if (username !== user || (stage !== 'ResponseComplete' && stage !== 'ResponseStarted')) continue;
    if (impersonatedUser !== undefined) {
      const name = impersonatedUser.username;
      requests.push({ group: '', resource: 'users', verb: 'impersonate', name, namespace: undefined });
    } else if (objectRef?.resource !== undefined) {
      const { apiGroup: group = '', resource, subresource, name, namespace } = objectRef;
      const whole = subresource === undefined ? resource : `${resource}/${subresource}`;
      requests.push({ group, resource: whole, verb, name, namespace });
    }
  }
  return requests;
}
