import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 24 * 60 * 60 * 1000;
const { timeStamping, codeSigning } = x509.ExtendedKeyUsage;

/** Certificates in PEM, the one of `key` first and the root last; the key in PEM (PKCS #8). */
export interface Chain {
  certificates: string[];
  key: string;
}

interface Link {
  certificate: x509.X509Certificate;
  keys: webcrypto.CryptoKeyPair;
}

/** A root, and an authority under it that may issue certificates for signing code: what Fulcio issues from. */
export async function codeSigningAuthority(): Promise<Chain> {
  const root = await issue('Testbed root', undefined, [], true);
  return chain(await issue('Testbed Fulcio', root, [codeSigning], true), root);
}

/** A root, an authority under it, and a certificate for timestamps (RFC 3161, 2.3): what a timestamp authority signs with. */
export async function timestampSigner(): Promise<Chain> {
  const root = await issue('Testbed timestamp root', undefined, [], true);
  const between = await issue('Testbed timestamp authority', root, [timeStamping], true);
  return chain(await issue('Testbed timestamps', between, [timeStamping], false), between, root);
}

async function issue(
  name: string,
  issuer: Link | undefined,
  usages: string[],
  authority: boolean,
): Promise<Link> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [name] }, { O: ['Firebreak testbed'] }],
    issuer: issuer?.certificate.subjectName ?? [{ CN: [name] }, { O: ['Firebreak testbed'] }],
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + 365 * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(authority, undefined, true),
      authority
        ? new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true)
        : new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...(issuer === undefined
        ? []
        : [await x509.AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey)]),
      // Alone and critical, as RFC 3161 asks for timestamps.
      ...(usages.length === 0
        ? []
        : [new x509.ExtendedKeyUsageExtension(usages, usages[0] === timeStamping)]),
    ],
  });
  return { certificate, keys };
}

async function chain(first: Link, ...above: Link[]): Promise<Chain> {
  const key = await webcrypto.subtle.exportKey('pkcs8', first.keys.privateKey);
  return {
    certificates: [first, ...above].map(({ certificate }) => certificate.toString('pem')),
    key: x509.PemConverter.encode(key, 'PRIVATE KEY'),
  };
}
