import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionContext, Change } from '../../../domain/action.ts';
import type { Cluster } from '../client.ts';
import { isKubernetesError } from '../errors.ts';
import { resources } from '../resources.ts';
import type { TokenSecret } from './account.ts';

const type = 'kubernetes.io/service-account-token';
const ofName = 'kubernetes.io/service-account.name';
const ofUid = 'kubernetes.io/service-account.uid';
/** What the controllers note of the old token's use. The second would have the new one refused from the start. */
const ofOldToken = ['kubernetes.io/legacy-token-last-used', 'kubernetes.io/legacy-token-invalid-since'];
/** May repeat what was applied, values included. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** A tenant may make very many: reading them must not be what fails. */
const MAX_LISTED = 100_000;
const WITHIN_MS = 30_000;
const POLL_MS = 250;

/** The Secrets with a token of an account, as metadata only: no token is read. */
export async function listTokenSecrets(
  cluster: Cluster,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<TokenSecret[]> {
  const options = { signal, fieldSelector: `type=${type}`, metadataOnly: true, maxItems: MAX_LISTED };
  const { items } = await cluster.list({ ...resources.secrets, namespace }, options);
  return items
    .filter(({ metadata }) => metadata.annotations?.[ofName] === name)
    .map(({ metadata }) => {
      const { [lastApplied]: _, ...annotations } = metadata.annotations ?? {};
      return {
        name: metadata.name,
        uid: metadata.uid ?? '',
        labels: metadata.labels ?? {},
        annotations,
      };
    });
}

/**
 * Issues token Secrets again under their names: the tokens controller removes the old ones once their account is gone, and fills the new ones. Safe to
 * run again.
 * @returns what could not be had: a Secret that stays, one of another kind in its place, a controller that does not fill it
 */
export async function reissue(
  context: ActionContext,
  cluster: Cluster,
  account: { namespace: string; name: string; uid: string },
  wanted: readonly TokenSecret[],
): Promise<{ changes: Change[]; issued: string[]; unavailable: { what: string; why: string }[] }> {
  const { namespace, name, uid } = account;
  const changes: Change[] = [];
  const began = performance.now();
  const of = new Map(wanted.map((secret) => [secret.name, secret]));
  const foreign = new Set<string>();
  for (;;) {
    const now = new Map(
      (await listTokenSecrets(cluster, namespace, name, context.signal)).map((secret) => [
        secret.name,
        secret,
      ]),
    );
    const filled = (secret: TokenSecret) => now.get(secret.name)?.annotations[ofUid] === uid;
    for (const secret of of.values()) {
      if (!now.has(secret.name) && !foreign.has(secret.name)) await issue(secret);
    }
    const open = [...of.values()].filter((secret) => !filled(secret) && !foreign.has(secret.name));
    if (open.length === 0 || performance.now() - began > WITHIN_MS) {
      return {
        changes,
        issued: [...of.values()].filter(filled).map((secret) => secret.name),
        unavailable: [
          ...open.map((secret) => ({
            what: `token Secret ${secret.name}`,
            why:
              now.get(secret.name)?.uid === secret.uid
                ? 'the old one is still there, perhaps for a finalizer: its token is refused all the same'
                : 'the controller has not filled it in time',
          })),
          ...[...foreign].map((each) => ({
            what: `token Secret ${each}`,
            why: 'a Secret of another kind has its name now',
          })),
        ],
      };
    }
    await context.checkpoint('await token Secrets');
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }

  async function issue({ name: secret, labels, annotations }: TokenSecret): Promise<void> {
    const { [ofUid]: _, ...kept } = annotations;
    const metadata = {
      name: secret,
      annotations: kept,
      labels: Object.fromEntries(Object.entries(labels).filter(([key]) => !ofOldToken.includes(key))),
    };
    await context.beforeWrite(`create secrets/${secret}`);
    try {
      const created = await cluster.create(
        { ...resources.secrets, namespace },
        { apiVersion: 'v1', kind: 'Secret', type, metadata },
        { signal: context.signal },
      );
      changes.push({
        verb: 'create',
        object: {
          apiVersion: 'v1',
          kind: 'Secret',
          namespace,
          name: secret,
          uid: created.metadata.uid ?? '',
        },
        summary: 'issued again for the new account; the token controller writes its token',
      });
    } catch (error) {
      if (!isKubernetesError(error, 'drift')) throw error;
      // Another worker was quicker, or something else has the name.
      const there = await listTokenSecrets(cluster, namespace, name, context.signal);
      if (!there.some((each) => each.name === secret)) foreign.add(secret);
    }
    await context.checkpoint(`created secrets/${secret}`);
  }
}
