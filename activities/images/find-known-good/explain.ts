import { FirebreakError } from '../../../domain/errors.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import type { Digest } from '../../../domain/json.ts';
import { differences, type TemplateDifference } from '../../kubernetes/workload/differences.ts';
import type { Revision } from '../../kubernetes/workload/revisions.ts';
import type { JudgedContainer } from './containers.ts';
import { ofContainer, reason, type RevisionReason } from './reasons.ts';

/** The revision whose template others are compared with. */
export interface Baseline {
  revision: Revision;
  why: 'named' | 'before-since' | 'oldest';
}

/** By what revisions are judged. */
export interface Suspicion {
  /** Undefined: every change counts as suspect. */
  since: Date | undefined;
  accept: readonly string[];
  baseline: Baseline | undefined;
  /** Of what the workload says now. */
  currentDigest: Digest;
}

/** What speaks against a revision before its images are looked at; `notes` speak neither for nor against. */
export interface TemplateJudgement {
  against: RevisionReason[];
  notes: RevisionReason[];
  /** Beyond the images, from the baseline's. */
  differences: TemplateDifference[];
}

/** A revision, and why it is or is not acceptable. */
export interface Explained {
  revision: Revision;
  acceptable: boolean;
  reasons: RevisionReason[];
  differences: TemplateDifference[];
  images: JudgedContainer[];
}

/**
 * The revision to compare with: the one that is named, else the newest from before the suspicion, else the oldest. Not one that somebody wrote
 * into, unless a person names it: what matches it would be let through.
 * @param revisions newest first
 * @throws FirebreakError FB3823 when there is none of the name
 */
export function baselineOf(
  revisions: readonly Revision[],
  { baseline, since }: { baseline?: string | undefined; since?: Date | undefined },
): Baseline | undefined {
  if (baseline !== undefined) {
    const revision = revisions.find(({ name }) => name === baseline);
    if (revision !== undefined) return { revision, why: 'named' };
    const known = revisions.slice(0, 20).map(({ name }) => name);
    throw new FirebreakError(
      'FB3823',
      `with.baseline: there is no revision ${oneLine(baseline, 253)}; there ${known.length === 0 ? 'is none' : `are ${oneLine(known.join(', '), 1_000)}`}`,
    );
  }
  const untouched = revisions.filter(({ editedBy }) => editedBy.length === 0);
  const before = untouched.filter((revision) => isBefore(revision, since));
  const [newest] = before.toSorted((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt));
  if (newest !== undefined) return { revision: newest, why: 'before-since' };
  const oldest = untouched
    .toSorted((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt))
    .find(({ createdAt }) => !Number.isNaN(Date.parse(createdAt)));
  return oldest === undefined ? undefined : { revision: oldest, why: 'oldest' };
}

/** What is wrong with a revision whatever its images are. Pure. */
export function judgeTemplate(revision: Revision, suspicion: Suspicion): TemplateJudgement {
  const { since, accept, baseline, currentDigest } = suspicion;
  const against: RevisionReason[] = [];
  if (revision.current || revision.templateDigest === currentDigest)
    against.push(reason('current', 'it is what the workload says now'));
  if (revision.editedBy.length > 0)
    against.push(
      reason(
        'revision-edited',
        `somebody else than the controller wrote its template: ${revision.editedBy.join(', ')}`,
      ),
    );
  if (baseline === undefined)
    return {
      against: [...against, reason('no-baseline', 'there is no revision to compare its template with')],
      notes: [],
      differences: [],
    };
  const found = differences(baseline.revision.template, revision.template);
  const known = isBefore(revision, since) || (baseline.why === 'named' && baseline.revision === revision);
  const open = known ? [] : found.filter(({ path }) => !isAccepted(path, accept));
  if (open.length > 0)
    against.push(
      reason(
        'template-differs',
        `beyond the image, ${open.length === 1 ? 'a field differs' : `${open.length} fields differ`} from ${baseline.revision.name}: ${open.map(({ path }) => path).join(', ')}`,
      ),
    );
  const notes =
    !known && baseline.why === 'oldest'
      ? [
          reason(
            'compared-with-oldest',
            `nothing is known from before the suspicion: it was compared with ${baseline.revision.name}, the oldest there is`,
          ),
        ]
      : [];
  return { against, notes, differences: found };
}

/**
 * Puts together what was found of a revision.
 * @param images of each container; or why they were not judged, which speaks against it
 */
export function explain(
  revision: Revision,
  { against, notes, differences: found }: TemplateJudgement,
  judged: JudgedContainer[] | RevisionReason,
): Explained {
  const images = Array.isArray(judged) ? judged : [];
  const refused = images.filter(({ accepted }) => !accepted);
  const reasons = [
    ...against,
    ...(Array.isArray(judged) ? [] : [judged]),
    ...(Array.isArray(judged) && images.length === 0
      ? [reason('no-containers', 'its template has no container')]
      : []),
    ...refused.flatMap((one) => one.reasons.map((why) => ofContainer(one, why))),
  ];
  const acceptable = reasons.length === 0;
  return {
    revision,
    acceptable,
    reasons: acceptable
      ? [...images.flatMap((one) => one.reasons.map((why) => ofContainer(one, why))), ...notes]
      : reasons,
    differences: found,
    images,
  };
}

/** The newest that is acceptable. */
export function firstAcceptable(explained: readonly Explained[]): Explained | undefined {
  return explained.find(({ acceptable }) => acceptable);
}

/** Kubernetes tells whole seconds. What has no time that can be read is never before. */
function isBefore({ createdAt }: Revision, since: Date | undefined): boolean {
  return since !== undefined && Date.parse(createdAt) < since.getTime();
}

/** Only as a whole, and only what was shown whole: another field may begin the same. */
function isAccepted(path: string, accept: readonly string[]): boolean {
  return path !== '…' && !path.includes('… (+') && accept.includes(path);
}
