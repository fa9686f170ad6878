import type { ImageJudgement, ImageReason, ImageSigner } from '../../domain/image.ts';
import type { Digest } from '../../domain/json.ts';
import { oneLine } from '../../domain/safe-text.ts';
import type { ImagePolicy, ImageRule } from './policy.ts';
import { covers } from './repositories.ts';
import type { Skipped } from './signatures/found.ts';
import type { Claim, Verified } from './signatures/verified.ts';
import { objectionTo } from './signer-rules.ts';

/** What is known of one image. */
export interface ImageEvidence {
  /** `registry.example/shop/api`, docker.io's names written out. */
  repository: string;
  /** Every digest that stands for it: of the index, and of the platform's manifest in it. */
  digests: readonly Digest[];
  claims: readonly Claim[];
  skipped: readonly Skipped[];
}

const mostAlike = 3;

/** One piece of a rule, met by something verified or not met. */
type Finding = { met: Verified; reason: ImageReason } | { reasons: ImageReason[] };

/**
 * Whether an image may run. Pure. One acceptable signature suffices, whatever else was found beside it: else whoever can push could
 * block every image. A rule is met by signature and attestations each, and an image needs all the rules that cover it.
 */
export function judge(evidence: ImageEvidence, policy: ImagePolicy, now: Date): ImageJudgement {
  const denied = evidence.digests.filter((digest) => policy.deniedDigests.includes(digest));
  if (denied.length > 0) {
    return refused(denied.map((digest) => reason('digest-denied', `${digest} is denied`)));
  }
  const rules = policy.images.filter(({ repositories }) =>
    repositories.some((pattern) => covers(pattern, evidence.repository)),
  );
  if (rules.length === 0) {
    return refused([
      reason('repository-not-covered', `the policy says nothing of ${line(evidence.repository)}`),
    ]);
  }
  const findings = rules.flatMap((rule) => [
    signature(rule, evidence, policy, now),
    ...rule.attestations.map((wanted) => attestation(wanted, rule, evidence, policy, now)),
  ]);
  const unmet = findings.flatMap((finding) => ('reasons' in finding ? finding.reasons : []));
  const [first] = findings;
  if (unmet.length > 0 || first === undefined || !('met' in first)) {
    const skipped = evidence.skipped.map(({ where, why }) =>
      reason('not-examined', `${line(where)}: ${line(why)}`),
    );
    return refused([...unmet, ...skipped]);
  }
  const { by, signedAt } = first.met;
  return {
    verdict: 'accepted',
    reasons: distinct(findings.flatMap((finding) => ('met' in finding ? [finding.reason] : []))),
    by,
    ...(signedAt === undefined ? {} : { signedAt: signedAt.toISOString() }),
  };
}

function signature(rule: ImageRule, { claims }: ImageEvidence, policy: ImagePolicy, now: Date): Finding {
  const reasons: ImageReason[] = [];
  for (const claim of claims) {
    if ('refused' in claim) {
      reasons.push(at(claim.where, claim.refused));
    } else if (claim.predicateType === undefined) {
      const objection = objectionTo(claim, rule.signedBy, policy, now);
      if (objection === undefined) return { met: claim, reason: reason('signed', described(claim)) };
      reasons.push(at(claim.where, objection));
    }
  }
  if (claims.length === 0) reasons.push(reason('unsigned', 'there is no signature'));
  const verified = claims.filter((claim): claim is Verified => !('refused' in claim));
  if (verified.length > 0 && verified.every(({ predicateType }) => predicateType !== undefined)) {
    reasons.push(reason('attestation-only', 'there are attestations, and no signature'));
  }
  return { reasons };
}

function attestation(
  wanted: ImageRule['attestations'][number],
  rule: ImageRule,
  { claims }: ImageEvidence,
  policy: ImagePolicy,
  now: Date,
): Finding {
  const reasons: ImageReason[] = [];
  const contrary: ImageReason[] = [];
  let met: Verified | undefined;
  for (const claim of claims) {
    if ('refused' in claim || claim.predicateType === undefined) continue;
    if (!wanted.predicateTypes.includes(claim.predicateType)) continue;
    const objection = objectionTo(claim, wanted.signedBy ?? rule.signedBy, policy, now);
    if (objection !== undefined) {
      reasons.push(at(claim.where, objection));
      continue;
    }
    // As cosign: of all that may attest, none may name another. Whoever else can push has no say.
    const other = provenanceObjection(claim, wanted);
    if (other === undefined) met ??= claim;
    else contrary.push(at(claim.where, other));
  }
  if (contrary.length > 0) return { reasons: [...contrary, ...reasons] };
  if (met !== undefined)
    return { met, reason: reason('attested', `${met.predicateType ?? ''} ${described(met)}`) };
  if (reasons.length > 0) return { reasons };
  return {
    reasons: [
      reason(
        'attestation-missing',
        `there is no attestation of ${line(wanted.predicateTypes.join(' or '))} that can be verified`,
      ),
    ],
  };
}

function provenanceObjection(
  { provenance }: Verified,
  { builder, source }: ImageRule['attestations'][number],
): ImageReason | undefined {
  if (builder !== undefined && provenance?.builder !== builder) {
    return reason('wrong-builder', `built by ${line(provenance?.builder ?? 'nobody that it names')}`);
  }
  const sources = provenance?.sources ?? [];
  if (source !== undefined && (sources.length === 0 || sources.some((other) => other !== source))) {
    return reason('wrong-source', `built from ${line(sources.join(', ') || 'nothing that it names')}`);
  }
  return undefined;
}

const reason = (code: ImageReason['code'], text: string): ImageReason => ({ code, text });
const line = (text: string): string => oneLine(text, 300);
const at = (where: string, { code, text }: ImageReason): ImageReason => ({
  code,
  text: `${line(where)}: ${text}`,
});
const refused = (reasons: ImageReason[]): ImageJudgement => ({
  verdict: 'refused',
  reasons: fewer(distinct(reasons)),
});

function distinct(reasons: ImageReason[]): ImageReason[] {
  return [...new Map(reasons.map((one) => [`${one.code} ${one.text}`, one])).values()];
}

/** Whoever can push can add a hundred signatures to each image: a few of a kind tell as much, and fit a history. */
function fewer(reasons: ImageReason[]): ImageReason[] {
  return Object.values(Object.groupBy(reasons, ({ code }) => code)).flatMap((alike) => {
    const kept = alike.slice(0, mostAlike);
    const left = alike.length - kept.length;
    return kept.map((one, index) =>
      left > 0 && index === mostAlike - 1 ? reason(one.code, `${one.text} (and ${left} more such)`) : one,
    );
  });
}

function described({ where, by, signedAt }: Verified): string {
  const time = signedAt === undefined ? 'at a time nobody vouches for' : `by ${signedAt.toISOString()}`;
  return `${line(where)}: signed with ${signerText(by)}, ${time}`;
}

/** A signer for a person to read. */
function signerText(by: ImageSigner): string {
  return 'key' in by ? `the key ${by.key}` : `the identity ${line(by.identity)} of ${line(by.issuer)}`;
}
