import { generateKeyPairSync, hash, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openCosign, type Cosign } from '../../testbed/cosign.ts';
import { startSigstore, type Sigstore } from '../../testbed/sigstore.ts';
import { startCertificateLog } from '../../testbed/sigstore/certificate-log.ts';

const workflow = 'https://git.example/shop/api/.github/workflows/release.yml@refs/heads/main';

let sigstore: Sigstore;
let cosign: Cosign;

beforeAll(async () => {
  [sigstore, cosign] = await Promise.all([startSigstore(), openCosign()]);
}, 1_200_000);

afterAll(async () => {
  await Promise.all([sigstore.stop(), cosign.close()]);
});

const pem = (key: KeyObject): string => key.export({ format: 'pem', type: 'spki' }).toString();

async function post(url: string, body: object, headers: Record<string, string> = {}) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, text: await answer.text() };
}

/** Asks Fulcio for a certificate, with a proof of the key over the subject of the token. */
async function certify(token: string, subject: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return post(
    `${sigstore.fulcioUrl}/api/v2/signingCert`,
    {
      publicKeyRequest: {
        publicKey: { algorithm: 'ECDSA', content: pem(publicKey) },
        proofOfPossession: sign('sha256', Buffer.from(subject), privateKey).toString('base64'),
      },
    },
    { authorization: `Bearer ${token}` },
  );
}

const subjectOf = (token: string): string => {
  const { sub }: { sub: string } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  return sub;
};

test.each([
  ['person', 'ada@shop.example', 'email:ada@shop.example'],
  ['workflow', workflow, `URI:${workflow}`],
])('Fulcio certifies a %s whom an issuer vouches for', async (_kind, identity, name) => {
  const token = sigstore.identityToken(identity);
  const { status, text } = await certify(token, subjectOf(token));
  expect([status, text.slice(0, 200)]).toEqual([200, expect.any(String)]);
  const answer: { signedCertificateEmbeddedSct: { chain: { certificates: string[] } } } = JSON.parse(text);
  const [leaf = '', above = ''] = answer.signedCertificateEmbeddedSct.chain.certificates;
  const certificate = new X509Certificate(leaf);
  expect(certificate.subjectAltName).toBe(name);
  expect(certificate.verify(new X509Certificate(above).publicKey)).toBe(true);
  expect(certificate.validToDate.getTime() - certificate.validFromDate.getTime()).toBe(600_000);
});

test('Fulcio refuses a token that was changed, one of no issuer, and a proof of another key', async () => {
  const token = sigstore.identityToken('ada@shop.example');
  const [head = '', , signature = ''] = token.split('.');
  const claims = { iss: sigstore.issuerUrl, aud: 'sigstore', sub: 'eve', email: 'eve@shop.example' };
  const changed = `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`;
  expect((await certify(changed, 'eve')).status).toBe(400);
  expect((await certify('no token', 'ada')).status).toBe(400);
  expect((await certify(token, 'somebody else')).status).toBe(400);
});

test('Rekor 2 takes a signature that holds, and no other', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const data = Buffer.from('bytes');
  const request = (signature: Buffer) => ({
    hashedRekordRequestV002: {
      digest: hash('sha256', data, 'buffer').toString('base64'),
      signature: {
        content: signature.toString('base64'),
        verifier: {
          keyDetails: 'PKIX_ECDSA_P256_SHA_256',
          publicKey: { rawBytes: publicKey.export({ format: 'der', type: 'spki' }).toString('base64') },
        },
      },
    },
  });
  const entries = `${sigstore.rekorUrl}/api/v2/log/entries`;
  const taken = await post(entries, request(sign('sha256', data, privateKey)));
  expect([taken.status, taken.text]).toEqual([201, expect.stringContaining('inclusionProof')]);
  expect((await post(entries, request(sign('sha256', Buffer.from('others'), privateKey)))).status).toBe(400);
});

test('what stands for the first Rekor and for the log of certificates refuses what it does not know', async () => {
  const entries = `${sigstore.firstRekorUrl}/api/v1/log/entries`;
  expect((await post(entries, { kind: 'rpm', apiVersion: '0.0.1', spec: {} })).status).toBe(400);
  expect((await fetch(`${sigstore.firstRekorUrl}/api/v1/log`)).status).toBe(404);
  const log = await startCertificateLog();
  try {
    expect((await post(`${log.url}/ct/v1/add-pre-chain`, { chain: [] })).status).toBe(400);
    expect((await post(`${log.url}/ct/v1/add-chain`, { chain: [] })).status).toBe(404);
  } finally {
    await log.stop();
  }
});

test('cosign fails, and says why, where nobody is named that it could ask', async () => {
  const { ok, stderr } = await cosign.run(['verify', '127.0.0.1:1/nowhere@sha256:' + '0'.repeat(64)]);
  expect(ok).toBe(false);
  expect(stderr).toContain('certificate-identity');
  await expect(cosign.must(['sign', '--nonsense'])).rejects.toThrow('unknown flag: --nonsense');
});
