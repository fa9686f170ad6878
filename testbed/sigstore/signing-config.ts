import type { Sigstore } from '../sigstore.ts';

/** What a signature is witnessed by, beside its certificate. The first Rekor promises a time, the second does not. */
export interface Witnesses {
  log: 'first' | 'second' | undefined;
  stamped: boolean;
}

const service = (url: string, majorApiVersion = 1) => ({
  url,
  majorApiVersion,
  validFor: { start: '2024-01-01T00:00:00Z' },
  operator: 'testbed',
});

/**
 * A signing configuration of cosign (`--signing-config`).
 * https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto, SigningConfig
 */
export function signingConfig(
  sigstore: Pick<Sigstore, 'fulcioUrl' | 'rekorUrl' | 'firstRekorUrl' | 'tsaUrl'>,
  { log, stamped }: Witnesses,
): string {
  const logs = {
    first: [service(sigstore.firstRekorUrl)],
    second: [service(sigstore.rekorUrl, 2)],
    none: [],
  };
  return JSON.stringify({
    mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
    caUrls: [service(sigstore.fulcioUrl)],
    oidcUrls: [],
    rekorTlogUrls: logs[log ?? 'none'],
    rekorTlogConfig: { selector: 'ANY' },
    tsaUrls: stamped ? [service(sigstore.tsaUrl)] : [],
    tsaConfig: { selector: 'ANY' },
  });
}
