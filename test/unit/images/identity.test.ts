import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import * as x509 from '@peculiar/x509';
import { X509Certificate } from '@sigstore/core';
import { identityOf } from '../../../activities/images/signatures/identity.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const uri = 6;
const email = 1;
const issuer = 'https://ci.example';

const der = (tag: number, ...content: Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const value = Buffer.concat(content);
  if (value.length > 127) throw new RangeError('too long for one byte of length');
  return new Uint8Array([tag, value.length, ...value]);
};
const bytes = (text: string | Uint8Array): Uint8Array =>
  typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
/** A SubjectAlternativeName of names by tag, whatever their bytes. */
const names = (...all: [number, string | Uint8Array][]): x509.Extension =>
  new x509.Extension('2.5.29.17', true, der(0x30, ...all.map(([tag, text]) => der(0x80 | tag, bytes(text)))));
const issuedBy = (text: string | Uint8Array, tag = 0x0c): x509.Extension =>
  new x509.Extension('1.3.6.1.4.1.57264.1.8', false, der(tag, bytes(text)));
const firstIssuedBy = (text: string): x509.Extension =>
  new x509.Extension('1.3.6.1.4.1.57264.1.1', false, new Uint8Array(bytes(text)));
const codeSigning = new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.codeSigning]);

/** Who it names, or the code of the refusal. */
async function read(...extensions: x509.Extension[]): Promise<unknown> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    { keys, signingAlgorithm: algorithm, extensions },
    webcrypto,
  );
  try {
    return identityOf(X509Certificate.parse(Buffer.from(certificate.rawData)));
  } catch (error) {
    return Reflect.get(Object(error), 'reason')?.code;
  }
}

describe('a certificate', () => {
  test.each([
    ['a workload', uri, 'https://git.example/a/b/.github/workflows/release.yml@refs/heads/main'],
    ['a person', email, 'ada+release@firebreak.example'],
    ['characters that a pattern would read', uri, 'https://ci.example/.*(a|b)+[c]?^$\\'],
    [
      'every printable one',
      uri,
      String.fromCharCode(...Array(94).keys()).replace(/[^]/g, (c) =>
        String.fromCharCode(c.charCodeAt(0) + 33),
      ),
    ],
  ])('that names %s is read as it is', async (_what, tag, identity) => {
    const whole = { identity, issuer };
    expect(await read(codeSigning, names([tag, identity]), issuedBy(issuer))).toEqual(whole);
    expect(await read(codeSigning, names([tag, identity]), firstIssuedBy(issuer))).toEqual(whole);
    expect(await read(codeSigning, names([tag, identity]), firstIssuedBy(issuer), issuedBy(issuer))).toEqual(
      whole,
    );
  });

  test('is unsuitable with a byte that is not printable ASCII: @sigstore/core would read á as a', async () => {
    const spoof = Buffer.from('https://ci.example/a', 'latin1');
    spoof.writeUInt8(spoof.readUInt8(spoof.length - 1) | 0x80, spoof.length - 1);
    for (const identity of [spoof, 'https://ci.example/á', 'a b', 'a\n', 'a\0', '\x7f', '']) {
      expect(await read(codeSigning, names([uri, identity]), issuedBy(issuer))).toBe(
        'certificate-unsuitable',
      );
    }
    const identity = names([uri, 'https://ci.example/a']);
    const odd = Buffer.from(issuer);
    odd.writeUInt8(odd.readUInt8(3) | 0x80, 3);
    for (const by of [odd, 'https://ci.example ', '']) {
      expect(await read(codeSigning, identity, issuedBy(by))).toBe('certificate-unsuitable');
    }
  });

  test.each<[string, x509.Extension[]]>([
    ['names nobody', [issuedBy(issuer)]],
    ['has an empty list of names', [names(), issuedBy(issuer)]],
    ['names two', [names([uri, 'https://a.example'], [email, 'b@c.example']), issuedBy(issuer)]],
    ['names one twice', [names([uri, 'https://a.example'], [uri, 'https://a.example']), issuedBy(issuer)]],
    ['names a host', [names([2, 'a.example']), issuedBy(issuer)]],
    ['says no issuer', [names([uri, 'https://a.example'])]],
    [
      'says two issuers',
      [names([uri, 'https://a.example']), firstIssuedBy('https://b.example'), issuedBy(issuer)],
    ],
    ['has an issuer that is no text', [names([uri, 'https://a.example']), issuedBy(issuer, 0x04)]],
  ])('that %s is unsuitable', async (_what, extensions) => {
    expect(await read(codeSigning, ...extensions)).toBe('certificate-unsuitable');
  });

  test('that is not for signing code, or is an authority, is unsuitable', async () => {
    const [name, by] = [names([uri, 'https://a.example']), issuedBy(issuer)];
    const others = new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]);
    expect(await read(name, by)).toBe('certificate-unsuitable');
    expect(await read(others, name, by)).toBe('certificate-unsuitable');
    const authority = new x509.BasicConstraintsExtension(true, undefined, true);
    expect(await read(codeSigning, authority, name, by)).toBe('certificate-unsuitable');
  });
});
