import { jsonCopy, type JsonObject } from '../../../domain/json.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import { redactJson } from '../../../domain/redaction.ts';
import { templateOf } from '../../kubernetes/workload/kinds.ts';
import { templateDigest } from '../../kubernetes/workload/template.ts';
import { most } from './contract.ts';
import type { JudgedContainer } from './containers.ts';
import type { Examined } from './examine.ts';
import type { Explained } from './explain.ts';

/** What to roll back to. */
export interface Choice {
  revision: string;
  uid: string;
  templateDigest: string;
  images: { container: string; image: string }[];
  signers: { container: string; key: string; identity: string; issuer: string; signedAt: string }[];
}

/** What was chosen of the history, or made of the baseline's template and digests that are named. */
export function choiceOf({ chosen, named, baseline, workload }: Examined): Choice | undefined {
  if (chosen !== undefined) return { ...ofRevision(chosen.revision), ...ofImages(chosen.images) };
  if (named?.acceptable !== true) return undefined;
  const template =
    baseline === undefined || baseline.revision.current
      ? { revision: '', uid: '', templateDigest: templateDigest(templateOf(workload)) }
      : ofRevision(baseline.revision);
  return { ...template, ...ofImages(named.images) };
}

/** What later steps may use: bounded, whatever is in the history. */
export function outputsOf(examined: Examined, evidence: string): JsonObject {
  const { revisions, since, baseline, named } = examined;
  const choice = choiceOf(examined);
  const images = examined.chosen?.images ?? (choice === undefined ? [] : (named?.images ?? []));
  return redactJson(
    jsonCopy({
      found: choice !== undefined,
      ...(choice === undefined ? {} : { choice }),
      digests: [...new Set(images.flatMap(({ digests }) => digests))].slice(0, most.digests),
      baseline: baseline?.revision.name ?? '',
      since: since?.toISOString() ?? '',
      revisions: listed(examined).map(({ reasons, differences, ...one }) => ({
        ...shown(one),
        reasons: reasons.slice(0, most.reasons),
        differences: differences.slice(0, most.differences).map(shorter),
        differenceCount: differences.length,
      })),
      revisionCount: revisions.length,
      named: {
        acceptable: named?.acceptable ?? false,
        reasons: (named?.reasons ?? []).slice(0, most.reasons),
      },
      evidence,
    }),
  );
}

/** The full list, for the evidence store. */
export function recordOf(examined: Examined): JsonObject {
  const { revisions, since, baseline, explained, named } = examined;
  const choice = choiceOf(examined);
  return redactJson(
    jsonCopy({
      found: choice !== undefined,
      choice: choice ?? null,
      baseline: baseline === undefined ? null : { revision: baseline.revision.name, why: baseline.why },
      since: since?.toISOString() ?? '',
      revisions: explained.map(({ reasons, differences, images, ...one }) => ({
        ...shown(one),
        uid: one.revision.uid,
        templateDigest: one.revision.templateDigest,
        reasons,
        differences,
        images,
      })),
      notExamined: revisions.length - explained.length,
      named: named ?? null,
    }),
  );
}

function ofRevision({ name, uid, templateDigest: digest }: Explained['revision']) {
  return { revision: name, uid, templateDigest: digest };
}

function ofImages(images: readonly JudgedContainer[]): Pick<Choice, 'images' | 'signers'> {
  return {
    images: images.map(({ container, pinned }) => ({ container, image: pinned })),
    signers: images.map(({ container, by, signedAt = '' }) => ({
      container,
      key: '',
      identity: '',
      issuer: '',
      ...by,
      signedAt,
    })),
  };
}

function shown({ revision, acceptable }: Pick<Explained, 'revision' | 'acceptable'>) {
  const { name, number, createdAt, current } = revision;
  return { revision: name, number, createdAt, current, acceptable };
}

/** The newest, and the chosen one wherever it is. */
function listed({ explained, chosen }: Examined): Explained[] {
  const first = explained.slice(0, most.revisions);
  return chosen === undefined || first.includes(chosen) ? first : [...first.slice(0, -1), chosen];
}

function shorter({ path, before, after }: Explained['differences'][number]) {
  return {
    path,
    ...(before === undefined ? {} : { before: oneLine(before, 120) }),
    ...(after === undefined ? {} : { after: oneLine(after, 120) }),
  };
}
