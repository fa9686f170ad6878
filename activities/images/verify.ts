import type { Action, ActionContext, Applied, Authority, Mandate, Plan } from '../../domain/action.ts';
import { FirebreakError } from '../../domain/errors.ts';
import type { ImageAssessor } from '../../domain/image.ts';
import { oneLine } from '../../domain/safe-text.ts';
import { typed } from '../failure.ts';
import { keep } from '../kubernetes/evidence/keep.ts';
import { nothingToUndo } from '../kubernetes/nothing-to-undo.ts';
import { keepRecord } from './record.ts';
import { input, notCovered, outputs, permissions, type VerifyImagesInput } from './verify/contract.ts';
import { boundReference, judgeAll, targetOf, type ImageRegistry, type Judged } from './verify/judged.ts';
import { recordName, verifyVerdicts } from './verify/measure.ts';
import { outputsOf } from './verify/summary.ts';

const name = 'images.verify';

export interface VerifyImagesOptions {
  images: ImageAssessor;
  registries: readonly ImageRegistry[];
}

/** Judges images by the image policy: what each reference names, and who signed and attested that. */
export function verifyImages(options: VerifyImagesOptions): Action<VerifyImagesInput> {
  return {
    name,
    title: 'Verify who signed images',
    summary:
      'Says of each image what its reference names, whether the image policy accepts that, and why: who signed it and when, whether the signer was revoked or may ' +
      'have signed inside the compromise window, whether the digest is denied. A refused image is an answer, unless the step requires all.',
    effect: 'read',
    holds: false,
    input,
    outputs,
    permissions,
    notCovered,
    timing: {
      planMs: 120_000,
      applyMs: 120_000,
      verifyMs: 120_000,
      undoMs: 10_000,
      heartbeatMs: 30_000,
      attempts: 3,
    },
    plan: (context, request) => typed(() => plan(context, options, request.input)),
    apply: (context, mandate) => typed(() => apply(context, options, mandate)),
    verify: (context, mandate) => typed(() => verifyVerdicts(context, options.images, mandate)),
    undo: nothingToUndo,
  };
}

async function plan(
  context: ActionContext,
  { images, registries }: VerifyImagesOptions,
  given: VerifyImagesInput,
): Promise<Plan> {
  const asked = given.images.map((image) => ({ image, ask: image }));
  const judged = await judgeAll(images, asked, given, context.signal);
  const authority: Authority = {
    action: name,
    // One for each image, in order: apply judges these digests, whatever their tags name by then.
    targets: judged.map((one) => targetOf(one, registries)),
    rule: 'judge these digests by the image policy that is in force when it is done; change nothing',
    caps: {},
    undo: 'none',
  };
  const snapshot = await keep(context, { images: judged.map(({ image, digest }) => ({ image, digest })) });
  const full = await keep(context, { authority, judged });
  const places = new Set(authority.targets.map(({ cluster }) => cluster));
  return {
    action: name,
    authority,
    facts: [...places].map((cluster) => ({
      cluster,
      namespace: '',
      principal: 'images',
      supports: [],
      pods: 0,
      environment: registries.find((registry) => cluster === `registry:${registry.name}`)?.environment ?? '',
    })),
    changes: [],
    changeCount: 0,
    notCovered,
    undo: { kind: 'none', text: 'There is nothing to undo.' },
    description: {
      title: `Verify who signed ${judged.length === 1 ? 'an image' : `${judged.length} images`}`,
      ifApproved: ['The registries are read. Nothing changes.'],
      ifDenied: ['Nobody learns which of these images may run.'],
    },
    snapshot: snapshot.ref,
    full: full.ref,
  };
}

async function apply(
  context: ActionContext,
  { images }: VerifyImagesOptions,
  mandate: Mandate<VerifyImagesInput>,
): Promise<Applied> {
  const began = performance.now();
  const { input: given, authority, step } = mandate;
  const bound = given.images.map((image, at) => ({
    image,
    ask: boundReference(image, authority.targets[at] ?? { name: '', uid: '' }),
  }));
  const judged = await judgeAll(images, bound, given, context.signal);
  await context.checkpoint(`${name}: judged`);
  const kept = { name: recordName(step), collector: `firebreak/${name}`, source: 'registries' };
  const ref = await keepRecord(context, mandate, kept, judged);
  if (given.require === 'all') refuseRefused(judged);
  return {
    changes: [],
    already: 0,
    measures: { readMs: Math.round(performance.now() - began), images: judged.length },
    outputs: outputsOf(judged, ref?.digest ?? ''),
    artefacts: ref === undefined ? [] : [ref],
    unavailable: ref === undefined ? [{ what: kept.name, why: 'the evidence store is full' }] : [],
  };
}

/** @throws FirebreakError FB3822 */
function refuseRefused(judged: readonly Judged[]): void {
  const refused = judged.filter(({ verdict }) => verdict === 'refused');
  if (refused.length === 0) return;
  const words = refused.slice(0, 5).map(({ image, reasons }) => {
    const [why] = reasons;
    return `${oneLine(image, 200)}: ${why?.code ?? ''}: ${why?.text ?? ''}`;
  });
  throw new FirebreakError(
    'FB3822',
    `${refused.length} of ${judged.length} images are refused, and the step requires all: ${oneLine(words.join('; '), 1_500)}`,
  );
}
