import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { binary } from './binaries.ts';
import { openCosign } from './cosign.ts';
import { freePort } from './ports.ts';
import { startService, type RunningProcess } from './process.ts';
import { startCertificateLog } from './sigstore/certificate-log.ts';
import { codeSigningAuthority, timestampSigner } from './sigstore/chains.ts';
import { startFirstRekor } from './sigstore/first-rekor.ts';
import { FORGE, startIssuer } from './sigstore/issuer.ts';

/** The name that checkpoints of Rekor 2 are signed by: verifiers take it from the log's address, without a port. */
const ORIGIN = '127.0.0.1';

/** Fulcio, Rekor 2 and a timestamp authority on 127.0.0.1, with what stands for the rest: docs/reference/testbed.md says what is real. */
export interface Sigstore {
  fulcioUrl: string;
  /** Rekor 2: its entries tell no time. */
  rekorUrl: string;
  /** The first Rekor, whose entries do. */
  firstRekorUrl: string;
  tsaUrl: string;
  issuerUrl: string;
  /** The issuer that a certificate names for an identity. */
  issuerOf(identity: string): string;
  /** A TrustedRoot of all of them, as cosign writes it. */
  trustedRoot: string;
  /** @param identity an e-mail address, or `https://git.example/<owner>/<name>/<workflow>@<ref>` */
  identityToken(identity: string): string;
  stop(): Promise<void>;
}

interface Stoppable {
  stop(): Promise<void>;
}

/** @throws with the end of its log, when one of them does not come up; the others are stopped. */
export async function startSigstore(): Promise<Sigstore> {
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-sigstore-'));
  const started: Stoppable[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(started.splice(0).map((part) => part.stop()));
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  const running = async <Part extends Stoppable>(part: Promise<Part>): Promise<Part> => {
    const one = await part;
    started.push(one);
    return one;
  };
  try {
    const [issuer, certificates, firstRekor, authority, stamps] = await Promise.all([
      running(startIssuer()),
      running(startCertificateLog()),
      running(startFirstRekor()),
      codeSigningAuthority(),
      timestampSigner(),
    ]);
    const log = generateKeyPairSync('ed25519');
    const files = {
      configuration: await write(dir, 'fulcio.yaml', configurationOf(issuer)),
      authority: await write(dir, 'fulcio.pem', authority.certificates.join('\n')),
      authorityKey: await write(dir, 'fulcio.key', authority.key),
      certificates: await write(dir, 'certificates.pub', certificates.publicKey),
      firstRekor: await write(dir, 'first-rekor.pub', firstRekor.publicKey),
      rekor: await write(dir, 'rekor.pub', log.publicKey.export({ format: 'pem', type: 'spki' })),
      rekorKey: await write(dir, 'rekor.key', log.privateKey.export({ format: 'pem', type: 'pkcs8' })),
      stamps: await write(dir, 'stamps.pem', stamps.certificates.join('\n')),
      stampsKey: await write(dir, 'stamps.key', stamps.key),
    };
    const entries = join(dir, 'rekor');
    await mkdir(entries);
    const [fulcio, tsa, rekor, rekorCalls, rekorMetrics] = await Promise.all([
      freePort(),
      freePort(),
      freePort(),
      freePort(),
      freePort(),
    ]);
    const fulcioUrl = `http://127.0.0.1:${fulcio}`;
    const tsaUrl = `http://127.0.0.1:${tsa}`;
    const rekorUrl = `http://127.0.0.1:${rekor}`;
    const service = async (name: 'fulcio' | 'timestamp-authority' | 'rekor', probe: string, args: string[]) =>
      running<RunningProcess>(
        startService({
          name,
          command: await binary(name),
          args,
          logFile: join(dir, `${name}.log`),
          ready: async () => {
            const answer = await fetch(probe);
            await answer.arrayBuffer();
            return answer.ok;
          },
        }),
      );
    // Each is begun whatever becomes of the others: what has started must be known before anything is stopped.
    const begun = await Promise.allSettled([
      service('fulcio', `${fulcioUrl}/api/v2/trustBundle`, [
        `-port=${fulcio}`,
        `-config=${files.configuration}`,
        `-chain=${files.authority}`,
        `-key=${files.authorityKey}`,
        `-ct-log=${certificates.url}`,
        `-ct-log-key=${files.certificates}`,
      ]),
      service('timestamp-authority', `${tsaUrl}/api/v1/timestamp/certchain`, [
        `-port=${tsa}`,
        `-key=${files.stampsKey}`,
        `-chain=${files.stamps}`,
      ]),
      service('rekor', `${rekorUrl}/healthz`, [
        'serve',
        `--http-port=${rekor}`,
        `--grpc-port=${rekorCalls}`,
        `--http-metrics-port=${rekorMetrics}`,
        `--hostname=${ORIGIN}`,
        `--storage-dir=${entries}`,
        `--signer-filepath=${files.rekorKey}`,
        // A signer waits for both.
        '--batch-max-age=20ms',
        '--checkpoint-interval=100ms',
      ]),
    ]);
    for (const one of begun) if (one.status === 'rejected') throw one.reason;
    const since = new Date(Date.now() - 60_000).toISOString().replace(/\.\d+/, '');
    const trustedRoot = await trustedRootOf(join(dir, 'trusted-root.json'), [
      `--fulcio=url=${fulcioUrl},certificate-chain=${files.authority},start-time=${since}`,
      `--ctfe=url=${certificates.url},public-key=${files.certificates},start-time=${since}`,
      `--rekor=url=${firstRekor.url},public-key=${files.firstRekor},start-time=${since}`,
      `--rekor=url=${rekorUrl},public-key=${files.rekor},start-time=${since},origin=${ORIGIN}`,
      `--tsa=url=${tsaUrl},certificate-chain=${files.stamps},start-time=${since}`,
    ]);
    return {
      fulcioUrl,
      rekorUrl,
      firstRekorUrl: firstRekor.url,
      tsaUrl: `${tsaUrl}/api/v1/timestamp`,
      issuerUrl: issuer.people,
      issuerOf: (identity) => (identity.startsWith(`${FORGE}/`) ? issuer.workflows : issuer.people),
      trustedRoot,
      identityToken: (identity) => issuer.token(identity),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function write(dir: string, name: string, content: string | Buffer): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, content, { mode: 0o600 });
  return path;
}

/** https://github.com/sigstore/fulcio/blob/v1.8.8/config/identity/config.yaml, for two issuers of our own. */
function configurationOf({ people, workflows }: { people: string; workflows: string }): string {
  const common = { 'client-id': 'sigstore' };
  return stringify({
    'oidc-issuers': {
      [people]: { 'issuer-url': people, ...common, type: 'email' },
      [workflows]: {
        'issuer-url': workflows,
        ...common,
        type: 'ci-provider',
        'ci-provider': 'github-workflow',
      },
    },
    'ci-issuer-metadata': {
      'github-workflow': {
        'default-template-values': { url: FORGE },
        'extension-templates': {
          'github-workflow-trigger': 'event_name',
          'github-workflow-sha': 'sha',
          'github-workflow-name': 'workflow',
          'github-workflow-repository': 'repository',
          'github-workflow-ref': 'ref',
          'build-signer-uri': '{{ .url }}/{{ .job_workflow_ref }}',
          'source-repository-uri': '{{ .url }}/{{ .repository }}',
          'source-repository-ref': 'ref',
        },
        'subject-alternative-name-template': '{{ .url }}/{{ .job_workflow_ref }}',
      },
    },
  });
}

async function trustedRootOf(out: string, parts: readonly string[]): Promise<string> {
  const cosign = await openCosign();
  try {
    await cosign.must(['trusted-root', 'create', ...parts, `--out=${out}`]);
    return await readFile(out, 'utf8');
  } finally {
    await cosign.close();
  }
}
