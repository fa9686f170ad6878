import type { ActionContext, Change } from '../../../domain/action.ts';
import { FirebreakError } from '../../../domain/errors.ts';
import { Secret, type SecretStores } from '../../../domain/secret.ts';
import type { Cluster } from '../client.ts';
import { classify, isKubernetesError, KubernetesError } from '../errors.ts';
import { drift } from '../quarantine/failures.ts';
import type { RotateInput } from './contract.ts';
import { defaultAlphabet, generated } from './generate.ts';
import { findSecret, isRotated, labelOf, rotatedFor, secretAt, type KubernetesSecret } from './target.ts';

/** The new value, from where the input says. @throws FB3227 when there is none */
export async function newValue(
  secrets: SecretStores,
  { from, generate }: RotateInput,
  signal: AbortSignal,
): Promise<Secret> {
  if (from === undefined) return generated({ length: 32, alphabet: defaultAlphabet, ...generate });
  const { store, path } = secrets(from);
  const stored = await store.read(path, { signal });
  if (stored === undefined)
    throw new FirebreakError('FB3227', `with.from: there is no ${store.describe(path)}`);
  return stored.value;
}

/** The value of a key. undefined when it is empty, or no text: then nothing can be tried with it. */
export function valueOf({ data = {} }: KubernetesSecret, key: string): Secret | undefined {
  const bytes = Buffer.from(data[key] ?? '', 'base64');
  if (bytes.length === 0) return undefined;
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? new Secret(text) : undefined;
}

/**
 * Puts the new value where the approved version is, with our mark in the same write.
 * @throws Drift when the Secret changed meanwhile; nothing was written then
 */
export async function writeValue(
  context: ActionContext,
  cluster: Cluster,
  input: RotateInput,
  current: KubernetesSecret,
  value: Secret,
  mark: string,
): Promise<{ secret: KubernetesSecret; change: Change }> {
  const { uid = '', resourceVersion = '' } = current.metadata;
  const what = labelOf(input);
  await context.beforeWrite(`write ${what}`);
  const secret = await patched();
  await context.checkpoint(`wrote ${what}`);
  return {
    secret,
    change: {
      verb: 'update',
      object: { apiVersion: 'v1', kind: 'Secret', namespace: input.namespace, name: input.secret, uid },
      summary: `key ${input.key} has a new value; the old one is not kept`,
    },
  };

  async function patched(): Promise<KubernetesSecret> {
    const patch = {
      metadata: { uid, resourceVersion, annotations: { [rotatedFor]: mark } },
      data: { [input.key]: Buffer.from(value.reveal(), 'utf8').toString('base64') },
    };
    try {
      return await cluster.patch<KubernetesSecret>(secretAt(input), patch, { signal: context.signal });
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      if (isKubernetesError(error, 'drift', 'gone', 'retryable')) {
        // The answer may have been lost, or another worker been quicker. Whoever gives up here takes the old value with it.
        const now = await findSecret(cluster, input, context.signal);
        if (now?.metadata.uid === uid && isRotated(now, mark)) return now;
        if (classify(error) !== 'retryable') throw drift(what, 'was changed since it was approved');
      }
      // Admission may repeat what it was sent: its words are left out.
      throw new KubernetesError(
        { cluster: cluster.name, operation: `write ${what}` },
        { status: error.status, reason: error.reason, message: `refused (${error.reason})` },
      );
    }
  }
}
