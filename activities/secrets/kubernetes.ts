import { Secret, type SecretCall, type SecretStore, type StoredSecret } from '../../domain/secret.ts';
import type { Cluster } from '../kubernetes/client.ts';
import { isKubernetesError } from '../kubernetes/errors.ts';
import { isNamespaceName, type KubernetesObject, type Location } from '../kubernetes/resources.ts';
import { badPath, changedMeanwhile, outside, unusable } from './failures.ts';
import type { KubernetesScope } from './permissions.ts';

interface KubernetesSecret extends KubernetesObject {
  /** Base64. */
  data?: { [key: string]: string };
  immutable?: boolean;
}

interface Place {
  namespace: string;
  name: string;
  key: string;
}

const labels = { 'app.kubernetes.io/managed-by': 'firebreak' };
const previousSuffix = '.previous';

/**
 * Keys of a cluster's Secrets, of the namespaces and names that it is bound to; paths are `<namespace>/<secret>/<key>`. The version is the Secret's resourceVersion, so that a change of any of its keys
 * counts as one of this. Other keys are kept; a Secret that is not there is made, type Opaque, with our label.
 */
export function kubernetesStore(
  name: string,
  cluster: Cluster,
  { namespaces, secrets }: Pick<KubernetesScope, 'namespaces' | 'secrets'>,
): SecretStore {
  /** @throws FirebreakError FB3403, FB3405 */
  function placeOf(path: string): Place {
    const place = parsed(path);
    if (!namespaces.includes(place.namespace))
      throw outside(name, path, 'namespaces', `in ${namespaces.join(', ')}`);
    if (secrets !== undefined && !secrets.includes(place.name))
      throw outside(name, path, 'secrets', `of ${secrets.join(', ')}`);
    return place;
  }

  async function get({ namespace, name: secret }: Place, call: SecretCall) {
    try {
      return await cluster.get<KubernetesSecret>(at(namespace, secret), { signal: call.signal });
    } catch (error) {
      if (isKubernetesError(error, 'gone')) return undefined;
      throw error;
    }
  }

  const store: SecretStore = {
    name,
    describe(path) {
      const { namespace, name: secret, key } = placeOf(path);
      return `key ${key} of Secret ${namespace}/${secret} in cluster ${cluster.name}`;
    },
    kubernetes(path) {
      const { namespace, name: secret, key } = placeOf(path);
      return { cluster: cluster.name, namespace, secret, key };
    },
    async read(path, call) {
      const place = placeOf(path);
      return storedIn(await get(place, call), place.key, store.describe(path));
    },
    async previous(path, call) {
      const place = placeOf(path);
      return storedIn(await get(place, call), `${place.key}${previousSuffix}`, store.describe(path))?.value;
    },
    async write(path, value, call) {
      const place = placeOf(path);
      const { namespace, name: secret, key } = place;
      const what = store.describe(path);
      const found = await get(place, call);
      const stored = storedIn(found, key, what);
      // Ours already: the answer to an earlier call was lost.
      if (stored !== undefined && stored.value.reveal() === value.reveal())
        return { version: stored.version };
      if (stored?.version !== call.version) throw changedMeanwhile(what);
      if (found?.immutable === true) throw unusable(what, 'the Secret is immutable: name another one');
      if (found?.metadata.deletionTimestamp !== undefined)
        throw unusable(what, 'the Secret is being deleted: wait until it is gone');
      const data = {
        [key]: base64(value.reveal()),
        ...(stored !== undefined && call.keepPrevious === true
          ? { [`${key}${previousSuffix}`]: base64(stored.value.reveal()) }
          : {}),
      };
      try {
        const written =
          found === undefined
            ? await cluster.create(
                at(namespace),
                {
                  apiVersion: 'v1',
                  kind: 'Secret',
                  metadata: { name: secret, namespace, labels },
                  type: 'Opaque',
                  data,
                },
                { signal: call.signal },
              )
            : await cluster.patch(at(namespace, secret), patchOf(found, data), { signal: call.signal });
        return { version: written.metadata.resourceVersion ?? '' };
      } catch (error) {
        if (isKubernetesError(error, 'drift')) throw changedMeanwhile(what);
        throw error;
      }
    },
  };
  return store;
}

/** A merge patch touches no other key; UID and resourceVersion make the API server refuse it when anything has changed. */
function patchOf({ metadata: { uid, resourceVersion } }: KubernetesSecret, data: object): object {
  return { metadata: { uid, resourceVersion }, data };
}

function storedIn(found: KubernetesSecret | undefined, key: string, what: string): StoredSecret | undefined {
  const encoded = found?.data !== undefined && Object.hasOwn(found.data, key) ? found.data[key] : undefined;
  // An empty value is a place that was made for one.
  if (found === undefined || encoded === undefined || encoded === '') return undefined;
  return { value: new Secret(textOf(encoded, what)), version: found.metadata.resourceVersion ?? '' };
}

function textOf(encoded: string, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(encoded, 'base64'));
  } catch {
    throw unusable(what, 'its value is not text: name another one');
  }
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

function at(namespace: string, name?: string): Location {
  const secrets = { group: '', version: 'v1', resource: 'secrets', namespace };
  return name === undefined ? secrets : { ...secrets, name };
}

/** @throws FirebreakError FB3403 */
function parsed(path: string): Place {
  const [namespace = '', name = '', key = '', ...more] = path.split('/');
  const valid =
    more.length === 0 &&
    isNamespaceName(namespace) &&
    /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name) &&
    // Room for the suffix of what is kept.
    /^(?!\.\.?$)[-._a-zA-Z0-9]{1,240}$/.test(key);
  if (valid) return { namespace, name, key };
  throw badPath(path, '<namespace>/<secret>/<key> of a Kubernetes Secret');
}
