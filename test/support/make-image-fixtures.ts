/**
 * Has real cosign sign and attest images in a real registry, and keeps what it pushed for test/unit/images:
 * `node test/support/make-image-fixtures.ts`
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hash } from 'bcryptjs';
import { createRegistryClient } from '../../activities/images/registry/client.ts';
import { isDigest } from '../../activities/images/reference.ts';
import { findSignatures } from '../../activities/images/signatures/find.ts';
import { openCosign } from '../../testbed/cosign.ts';
import { startRegistry } from '../../testbed/registry.ts';
import { Secret } from '../../domain/secret.ts';
import type { Found } from '../../activities/images/signatures/found.ts';

const user = 'signer';
const password = 'of-images';
const repository = 'shop/api';

const cosign = await openCosign();
const directory = cosign.dir;
const run = (...args: string[]): Promise<string> => cosign.must(args);

/** Imports a key into cosign's own format. @returns the public key in PEM */
const importKey = async (name: string, privateKey: KeyObject): Promise<string> =>
  (await cosign.importKey(name, privateKey)).pem;

/** What was found as the file keeps it: bytes in base64. */
const stored = (found: Found): object =>
  Object.fromEntries(
    Object.entries(found).map(([name, value]: [string, unknown]) => [
      name,
      value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value,
    ]),
  );

const registry = await startRegistry({ htpasswd: `${user}:${await hash(password, 4)}\n` });
try {
  const keys = {
    ecdsa: await importKey('ecdsa', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
    p384: await importKey('p384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey),
    p521: await importKey('p521', generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey),
    ed25519: await importKey('ed25519', generateKeyPairSync('ed25519').privateKey),
    rsa: await importKey('rsa', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
  };
  await writeFile(
    join(directory, 'provenance.json'),
    JSON.stringify({
      buildDefinition: {
        buildType: 'https://ci.example/build/v1',
        externalParameters: {
          workflow: { repository: 'https://git.example/shop/api', ref: 'refs/heads/main' },
        },
      },
      runDetails: { builder: { id: 'https://ci.example/builder@v1' } },
    }),
  );
  await writeFile(join(directory, 'bill.json'), JSON.stringify({ spdxVersion: 'SPDX-2.3', packages: [] }));

  const client = createRegistryClient({
    registries: [
      {
        host: registry.host,
        url: registry.url,
        credentials: async () => ({ username: user, password: new Secret(password) }),
      },
    ],
  });
  const offline = ['--use-signing-config=false', '--tlog-upload=false', '--yes'];
  const access = [`--registry-username=${user}`, `--registry-password=${password}`];
  const formats = { 'first format': ['--new-bundle-format=false'], bundle: ['--new-bundle-format=true'] };
  const work: Record<string, (image: string) => Promise<string>> = {};
  for (const [format, flags] of Object.entries(formats)) {
    for (const key of Object.keys(keys)) {
      work[`signed, ${key}, ${format}`] = (image) =>
        run('sign', '--key', `${key}.key`, ...offline, ...access, ...flags, image);
    }
    for (const [what, file] of [
      ['slsaprovenance1', 'provenance.json'],
      ['spdxjson', 'bill.json'],
    ]) {
      work[`attested, ${what}, ${format}`] = (image) =>
        run(
          'attest',
          '--key',
          'ecdsa.key',
          '--type',
          `${what}`,
          '--predicate',
          `${file}`,
          ...offline,
          ...access,
          ...flags,
          image,
        );
    }
  }

  const images: Record<string, unknown> = {};
  for (const [name, sign] of Object.entries(work)) {
    const digest = await registry.push(user, password, repository, 'v1');
    if (!isDigest(digest)) throw new Error(`the registry names no digest: ${digest}`);
    await sign(`${registry.host}/${repository}@${digest}`);
    const at = { registry: registry.host, repository, digest };
    const { found, skipped } = await findSignatures(client, at, { signal: AbortSignal.timeout(30_000) });
    const [one] = found;
    if (one === undefined || found.length > 1 || skipped.length > 0) {
      throw new Error(`${name}: ${found.length} found, skipped ${JSON.stringify(skipped)}`);
    }
    const where = one.where.replace(registry.host, 'registry.example');
    images[name] = { digest, found: stored({ ...one, where }) };
  }
  const [version = ''] = /v[0-9.]+/.exec(await run('version')) ?? [];
  const file = new URL('../unit/images/cosign.json', import.meta.url);
  await writeFile(file, `${JSON.stringify({ cosign: version, keys, images }, undefined, 2)}\n`);
} finally {
  await registry.stop();
  await cosign.close();
}
