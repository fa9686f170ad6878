import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { hash } from 'bcryptjs';
import { Secret } from '../../../domain/secret.ts';
import { createRegistryClient, type RegistryClient } from '../../../activities/images/registry/client.ts';
import { openCosign, type Cosign, type CosignKey } from '../../../testbed/cosign.ts';
import { startRegistry, type Registry } from '../../../testbed/registry.ts';
import { startSigstore, type Sigstore } from '../../../testbed/sigstore.ts';
import { signingConfig, type Witnesses } from '../../../testbed/sigstore/signing-config.ts';
import { startFront, type Front } from '../registry-front.ts';
import { createSigstore } from '../sigstore.ts';
import { keyNames, type KeyName, type Who } from './types.ts';

export const user = 'signer';
export const password = 'of-images';
/** Flags of cosign for the registry. */
export const access = [`--registry-username=${user}`, `--registry-password=${password}`];

export type Forge = Awaited<ReturnType<typeof createSigstore>>;

/** All that cases are made with: real programs, and a Sigstore in memory whose clocks can be set, for what no real one issues. */
export interface Bench {
  cosign: Cosign;
  sigstore: Sigstore;
  registry: Registry;
  front: Front;
  client: RegistryClient;
  keys: Record<KeyName, CosignKey & { privateKey: KeyObject }>;
  forge: Forge;
  /** Its certificates are in no log of certificates. */
  unlogged: Forge;
  /** Not in the trusted root. */
  stranger: Forge;
  /** Of all but the stranger. */
  trustedRoot: string;
  trustedRootFile: string;
  /** A signing configuration of cosign, as a file. */
  configuration(how: Witnesses): Promise<string>;
  issuerOf(who: { identity: string; issuer?: string }): string;
  stop(): Promise<void>;
}

const generate: Record<KeyName, () => KeyObject> = {
  release: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  other: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  p384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  p521: () => generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey,
  ed25519: () => generateKeyPairSync('ed25519').privateKey,
  rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
};

export async function startBench(): Promise<Bench> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).toReversed()) await one();
  };
  try {
    const cosign = await openCosign();
    stops.push(() => cosign.close());
    const sigstore = await startSigstore();
    stops.push(() => sigstore.stop());
    const registry = await startRegistry({ htpasswd: `${user}:${await hash(password, 4)}\n` });
    stops.push(() => registry.stop());
    const front = await startFront(registry.url);
    stops.push(() => front.stop());
    const credentials = () => Promise.resolve({ username: user, password: new Secret(password) });
    const client = createRegistryClient({
      registries: [registry, front].map(({ host, url }) => ({ host, url, credentials })),
      timeoutMs: 5_000,
      deadlineMs: 10_000,
    });
    stops.push(() => client.close());
    const [forge, unlogged, stranger] = await Promise.all([
      createSigstore(),
      createSigstore({ certificatesLogged: false }),
      createSigstore(),
    ]);
    const trustedRoot = together([sigstore.trustedRoot, forge.trustedRoot, unlogged.trustedRoot]);
    return {
      cosign,
      sigstore,
      registry,
      front,
      client,
      keys: await keysOf(cosign),
      forge,
      unlogged,
      stranger,
      trustedRoot,
      trustedRootFile: await cosign.file('trusted-root.json', trustedRoot),
      configuration: ({ log, stamped }) =>
        cosign.file(
          `signing-${log ?? 'no'}-log-${String(stamped)}.json`,
          signingConfig(sigstore, { log, stamped }),
        ),
      issuerOf: ({ identity, issuer }) => issuer ?? sigstore.issuerOf(identity),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function keysOf(cosign: Cosign): Promise<Bench['keys']> {
  const entries = await Promise.all(
    keyNames.map(async (name) => {
      const privateKey = generate[name]();
      return [name, { ...(await cosign.importKey(name, privateKey)), privateKey }] as const;
    }),
  );
  return Object.fromEntries(entries) as Bench['keys'];
}

/** One trusted root of several. */
function together(roots: readonly string[]): string {
  const all = roots.map((text): Record<string, unknown> => JSON.parse(text));
  const lists = ['tlogs', 'certificateAuthorities', 'ctlogs', 'timestampAuthorities'];
  return JSON.stringify({
    mediaType: all[0]?.['mediaType'],
    ...Object.fromEntries(lists.map((list) => [list, all.flatMap((root) => root[list])])),
  });
}

/** As a policy names a signer. */
export function signerOf(bench: Bench, who: Who): object {
  return 'key' in who ? who : { identity: who.identity, issuer: bench.issuerOf(who) };
}
