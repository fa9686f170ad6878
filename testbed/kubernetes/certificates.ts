import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 24 * 60 * 60 * 1000;

/** A certificate and its private key, as PEM. */
export interface KeyPair {
  certificate: string;
  key: string;
}

export interface CertificateAuthority {
  /** PEM of the authority's own certificate. */
  readonly certificate: string;
  readonly key: string;
  /** For TLS servers on 127.0.0.1. */
  server(commonName: string, dnsNames?: readonly string[], ipAddresses?: readonly string[]): Promise<KeyPair>;
  /** For a Kubernetes identity: the common name is the user, each organisation a group. */
  client(user: string, groups?: readonly string[]): Promise<KeyPair>;
}

/** Makes a certificate authority that lives in memory, for one cluster. */
export async function createCertificateAuthority(name: string): Promise<CertificateAuthority> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    ...validity(),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });

  async function issue(subject: x509.JsonName, extensions: x509.Extension[]): Promise<KeyPair> {
    const own = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.create({
      subject,
      issuer: root.subjectName,
      ...validity(),
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        ...extensions,
      ],
    });
    return { certificate: certificate.toString('pem'), key: await privatePem(own.privateKey) };
  }

  return {
    certificate: root.toString('pem'),
    key: await privatePem(keys.privateKey),
    server: (commonName, dnsNames = [], ipAddresses = []) =>
      issue(
        [{ CN: [commonName] }],
        [
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          new x509.SubjectAlternativeNameExtension([
            ...['localhost', ...dnsNames].map((value) => ({ type: 'dns' as const, value })),
            ...['127.0.0.1', ...ipAddresses].map((value) => ({ type: 'ip' as const, value })),
          ]),
        ],
      ),
    client: (user, groups = []) =>
      issue(
        [{ CN: [user] }, ...groups.map((group) => ({ O: [group] }))],
        [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])],
      ),
  };
}

/** A key with which ServiceAccount tokens are signed, as PEM. */
export async function createSigningKey(): Promise<{ publicKey: string; privateKey: string }> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  return {
    publicKey: x509.PemConverter.encode(
      await webcrypto.subtle.exportKey('spki', keys.publicKey),
      'PUBLIC KEY',
    ),
    privateKey: await privatePem(keys.privateKey),
  };
}

/** Writes `<name>.crt` and `<name>.key`, the key for this user alone. */
export async function writeKeyPair(
  dir: string,
  name: string,
  pair: KeyPair,
): Promise<{ certificateFile: string; keyFile: string }> {
  const certificateFile = join(dir, `${name}.crt`);
  const keyFile = join(dir, `${name}.key`);
  await Promise.all([writeFile(certificateFile, pair.certificate), writeSecret(keyFile, pair.key)]);
  return { certificateFile, keyFile };
}

/** Writes a file that only this user may read. */
export async function writeSecret(file: string, content: string): Promise<void> {
  await writeFile(file, content, { mode: 0o600 });
  // The mode above is for a new file only.
  await chmod(file, 0o600);
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

function validity(): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + 365 * DAY_MS) };
}
