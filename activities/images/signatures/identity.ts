import { X509Certificate as NodeCertificate } from 'node:crypto';
import type { X509Certificate } from '@sigstore/core';
import { Refusal } from './verified.ts';

/** https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md */
const issuerOid = '1.3.6.1.4.1.57264.1.8';
const firstIssuerOid = '1.3.6.1.4.1.57264.1.1';
const subjectAltNameOid = '2.5.29.17';
const codeSigning = '1.3.6.1.5.5.7.3.3';

const rfc822Name = 1;
const uniformResourceIdentifier = 6;
const utf8String = 12;

/**
 * Whom a Fulcio certificate names, byte for byte. Not as @sigstore/core reads it: that clears the top bit of each byte, so that
 * `á` would pass for `a`, and takes the first of several names.
 * @throws Refusal certificate-unsuitable, when it is not for signing code or names nobody, several or in odd characters
 */
export function identityOf(certificate: X509Certificate): { identity: string; issuer: string } {
  const node = new NodeCertificate(certificate.root.toDER());
  if (node.ca) throw unsuitable("the certificate is an authority's, not a signer's");
  if (!(node.keyUsage ?? []).includes(codeSigning)) {
    throw unsuitable('the certificate is not for signing code');
  }

  const names = certificate.extension(subjectAltNameOid)?.valueObj.subs[0]?.subs ?? [];
  const [name] = names;
  if (name === undefined || names.length > 1) {
    throw unsuitable(`the certificate names ${names.length} signers, not one`);
  }
  if (!name.tag.isContextSpecific(rfc822Name) && !name.tag.isContextSpecific(uniformResourceIdentifier)) {
    throw unsuitable('the certificate names its signer neither by URI nor by e-mail address');
  }
  const identity = printable(name.value);
  if (identity === undefined) throw unsuitable('the identity in the certificate is not printable ASCII');

  const issuers = [issuerIn(certificate), printable(certificate.extension(firstIssuerOid)?.value)].filter(
    (issuer) => issuer !== undefined,
  );
  const [issuer] = issuers;
  if (issuer === undefined) throw unsuitable('the certificate does not say who vouched for the identity');
  if (issuers.some((other) => other !== issuer)) throw unsuitable('the certificate names two issuers');
  return { identity, issuer };
}

function issuerIn(certificate: X509Certificate): string | undefined {
  const parts = certificate.extension(issuerOid)?.valueObj.subs ?? [];
  const [text] = parts;
  if (text === undefined || parts.length > 1) return undefined;
  return text.tag.isUniversal() && text.tag.number === utf8String ? printable(text.value) : undefined;
}

const unsuitable = (text: string): Refusal => new Refusal('certificate-unsuitable', text);

/** The bytes as text when each is a printable ASCII character other than a space; else undefined. */
function printable(bytes: Buffer | undefined): string | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined;
  return bytes.every((byte) => byte > 0x20 && byte < 0x7f) ? bytes.toString('latin1') : undefined;
}
