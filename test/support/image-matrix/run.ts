import { createImageAssessor } from '../../../activities/images/assess.ts';
import { parseImagePolicy, trustOf } from '../../../activities/images/policy.ts';
import { RegistryError } from '../../../activities/images/registry/errors.ts';
import { FirebreakError } from '../../../domain/errors.ts';
import { canonical, sha256, type Digest } from '../../../domain/json.ts';
import { access, signerOf, type Bench } from './bench.ts';
import {
  keyNames,
  type Ask,
  type ImageCase,
  type KeyName,
  type Made,
  type Observed,
  type Who,
} from './types.ts';
import { workshop, type Workshop } from './workshop.ts';

/** Of `other` no policy knows. */
const inPolicy = keyNames.filter((name) => name !== 'other');

/** Makes one case, and asks both about it. */
export async function runCase(bench: Bench, one: ImageCase): Promise<Observed> {
  const work = workshop(bench);
  const made = await one.make(work);
  try {
    const host = (one.fronted === true ? bench.front : bench.registry).host;
    const reference = referenceOf(`${host}/`, work, made);
    const digest = await digestOf(work, made);
    const ours = await firebreakSays(work, one, reference, digest);
    const theirs = await cosignSays(bench, one, reference);
    return {
      cosign: theirs.accepts ? 'accepts' : 'refuses',
      firebreak: ours.codes,
      said: `cosign: ${theirs.said}\nfirebreak: ${ours.said}`,
    };
  } finally {
    bench.front.answer = () => false;
  }
}

function referenceOf(prefix: string, work: Workshop, made: Made): string {
  if (typeof made === 'string') return `${prefix}${work.repository}@${made}`;
  return 'tag' in made
    ? `${prefix}${work.repository}:${made.tag}`
    : `${prefix}${made.repository}@${made.digest}`;
}

async function digestOf({ bench, repository }: Workshop, made: Made): Promise<Digest> {
  if (typeof made === 'string') return made;
  if ('digest' in made) return made.digest;
  const from = { registry: bench.registry.host, repository };
  return (await bench.client.manifest(from, made.tag, { signal: AbortSignal.timeout(10_000) })).digest;
}

async function firebreakSays(
  work: Workshop,
  { allowed, attestations = [], policy: more }: ImageCase,
  reference: string,
  digest: Digest,
): Promise<{ codes: string[]; said: string }> {
  const { bench } = work;
  const signers = (by: readonly Who[]) => by.map((who) => signerOf(bench, who));
  const document = {
    images: [
      {
        repositories: [`${bench.registry.host}/case/*`, `${bench.front.host}/case/*`],
        signedBy: signers(allowed),
        attestations: attestations.map(({ predicateTypes, builder, source, by }) => ({
          predicateTypes,
          ...(builder === undefined ? {} : { builder }),
          ...(source === undefined ? {} : { source }),
          ...(by === undefined ? {} : { signedBy: signers(by) }),
        })),
      },
    ],
    keys: Object.fromEntries(inPolicy.map((name) => [name, { pem: bench.keys[name].pem }])),
    trustedRoot: work.trustedRootPin(),
    ...more?.(digest, work),
  };
  const policy = parseImagePolicy(document);
  const assessor = createImageAssessor({
    client: bench.client,
    policy: () =>
      Promise.resolve({
        policy,
        trust: trustOf(policy, bench.trustedRoot),
        digest: sha256(canonical(document)),
      }),
  });
  try {
    const { judgement } = await assessor.assess(reference, { signal: AbortSignal.timeout(20_000) });
    const said = judgement.reasons.map(({ code, text }) => `${code}: ${text}`).join('\n');
    if (judgement.verdict === 'accepted') return { codes: ['accepts'], said };
    return { codes: judgement.reasons.map(({ code }) => code), said };
  } catch (error) {
    if (!(error instanceof FirebreakError || error instanceof RegistryError)) throw error;
    return { codes: [error.code], said: error.message };
  }
}

/** All that the policy asks, each in either format: cosign looks at the first one only where there are no bundles, or when it is told to. */
async function cosignSays(
  bench: Bench,
  { allowed, attestations = [], log, stamped }: ImageCase,
  reference: string,
): Promise<{ accepts: boolean; said: string }> {
  const evidence = { ...(log === undefined ? {} : { log }), ...(stamped === undefined ? {} : { stamped }) };
  const asks: Ask[] = [
    { by: allowed, ...evidence },
    ...attestations.map(({ type, builder, source, by = allowed }) => ({
      by,
      ...evidence,
      attestation: {
        type,
        ...(builder === undefined ? {} : { builder }),
        ...(source === undefined ? {} : { source }),
      },
    })),
  ];
  const said: string[] = [];
  for (const ask of asks) {
    const accepted = await anyOf(bench, ask, reference, said);
    if (!accepted) return { accepts: false, said: said.join('\n') };
  }
  return { accepts: true, said: said.join('\n') };
}

const formats = {
  bundles: ['--new-bundle-format=true'],
  'the first format': ['--new-bundle-format=false'],
  referrers: ['--new-bundle-format=false', '--experimental-oci11=true'],
};

async function anyOf(bench: Bench, ask: Ask, reference: string, said: string[]): Promise<boolean> {
  for (const who of ask.by)
    for (const [format, flags] of Object.entries(formats)) {
      const args = await argumentsOf(bench, ask, who);
      // Attestations of the first format are never referrers.
      if (format === 'referrers' && ask.attestation !== undefined) continue;
      const { ok, stderr } = await bench.cosign.run([...args, ...flags, reference]);
      const words = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('Flag '));
      said.push(`${args[0]} of ${format}: ${String(ok)} ${words.slice(-2).join(' ').slice(0, 400)}`);
      if (ok) return true;
    }
  return false;
}

/** cosign signs with the hash of the curve, and verifies with SHA-256 unless it is told. */
const hashes: Partial<Record<KeyName, string>> = { p384: 'sha384', p521: 'sha512' };

async function argumentsOf(bench: Bench, { attestation, log, stamped }: Ask, who: Who): Promise<string[]> {
  const signer =
    'key' in who
      ? [
          '--key',
          bench.keys[who.key].publicFile,
          ...(hashes[who.key] === undefined ? [] : [`--signature-digest-algorithm=${hashes[who.key]}`]),
          ...(log === true ? [] : ['--insecure-ignore-tlog=true']),
        ]
      : ['--certificate-identity', who.identity, '--certificate-oidc-issuer', bench.issuerOf(who)];
  const common = [
    ...access,
    ...signer,
    '--trusted-root',
    bench.trustedRootFile,
    '--offline=true',
    ...(stamped === true ? ['--use-signed-timestamps'] : []),
  ];
  if (attestation === undefined) return ['verify', ...common];
  const { type, builder, source } = attestation;
  const wanted = await bench.cosign.file('wanted.cue', cue(type, builder, source));
  return ['verify-attestation', ...common, '--type', type, '--policy', wanted];
}

/** What an SLSA provenance must say, as CUE. */
function cue(type: string, builder: string | undefined, source: string | undefined): string {
  const text = JSON.stringify;
  const first = type === 'slsaprovenance1';
  return [
    ...(builder === undefined
      ? []
      : [
          first
            ? `predicate: runDetails: builder: id: ${text(builder)}`
            : `predicate: builder: id: ${text(builder)}`,
        ]),
    ...(source === undefined
      ? []
      : [
          first
            ? `predicate: buildDefinition: externalParameters: workflow: repository: ${text(source)}`
            : `predicate: invocation: configSource: uri: ${text(source)}`,
        ]),
    '',
  ].join('\n');
}

/** Whether what was said is what the case says, and Firebreak is nowhere laxer; what is wrong, else. */
export function faultOf(one: ImageCase, { cosign, firebreak, said }: Observed): string | undefined {
  const faults = [
    ...(cosign === one.cosign ? [] : [`cosign ${cosign}, and not ${one.cosign}`]),
    ...(firebreak.includes(one.firebreak)
      ? []
      : [`firebreak says ${firebreak.join(', ')}, not ${one.firebreak}`]),
    ...(cosign === 'refuses' && firebreak.includes('accepts') ? ['firebreak is laxer'] : []),
    ...((cosign === 'accepts' && !firebreak.includes('accepts')) === (one.stricter !== undefined)
      ? []
      : ['where firebreak is stricter, and only there, the case says why']),
  ];
  return faults.length === 0 ? undefined : `${one.name}: ${faults.join('; ')}\n${said}`;
}
