import { digest } from '../../../domain/json.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import { templateOf, type PodTemplate, type Workload } from '../workload/kinds.ts';
import type { Revision } from '../workload/revisions.ts';
import { asStored, containersOf, storedDigest, templateDigest } from '../workload/template.ts';
import type { RollbackInput } from './contract.ts';
import { noWayBack, notAsJudged, standing } from './failures.ts';
import { pinned } from './images.ts';
import { markOf, type Mark } from './mark.ts';
import { revisionAt } from './pods.ts';
import { settingsOf, type Settings } from './settings.ts';
import { nameOf } from './work.ts';

/** Where a rollback begins. */
export interface Origin {
  /** Name of the revision; empty when the workload keeps none. */
  revision: string;
  template: PodTemplate;
  settings: Settings;
  /** The rollback of this incident that stands on the workload already. */
  stands?: Mark;
}

/**
 * What the workload was before any rollback of this incident: what it is, or what our mark on it says.
 * @throws FirebreakError FB3249 for another rollback's canary; FB3251 when what it was is gone
 */
export function originOf(workload: Workload, revisions: readonly Revision[], incident: string): Origin {
  const template = asStored(templateOf(workload));
  const mark = markOf(workload);
  const now = {
    revision: revisionAt(revisions, template)?.name ?? '',
    template,
    settings: settingsOf(workload),
  };
  if (mark === undefined) return now;
  const what = nameOf(workload);
  if (mark === 'unreadable') throw standing(what, 'an unknown incident: its mark cannot be read');
  const inPlace = storedDigest(template) === mark.to && digest(now.settings) === digest(mark.set);
  // What has gone all the way is a workload like any other; its mark only says how it came about.
  if (mark.incident !== incident || !inPlace) {
    if (mark.stage === 'rest') return now;
    throw standing(what, mark.incident === incident ? 'this incident, and was changed since' : mark.incident);
  }
  const before = revisions.find(({ stored }) => storedDigest(stored) === mark.from.digest);
  if (before === undefined) throw noWayBack(what, oneLine(mark.from.revision, 253) || 'its template');
  return { revision: before.name, template: before.stored, settings: mark.was, stands: mark };
}

/**
 * The template that was judged, with each image pinned.
 * @throws FirebreakError FB3243 when it is not there, or not what was judged; FB3244 for the images
 */
export function targetOf(
  { template }: Pick<Origin, 'template'>,
  revisions: readonly Revision[],
  { kind, to }: Pick<RollbackInput, 'kind' | 'to'>,
): { template: PodTemplate; revision: Revision | undefined } {
  if (to.revision === '') {
    if (templateDigest(template) !== to.templateDigest)
      throw notAsJudged('the template of the workload', 'is not the one that was judged');
    return { template: pinned(template, to), revision: undefined };
  }
  const name = oneLine(to.revision, 253);
  if (kind === 'CronJob') throw notAsJudged(name, 'cannot be: a CronJob keeps no history; leave it empty');
  const revision = revisions.find((one) => one.name === to.revision && one.uid === to.uid);
  if (revision === undefined)
    throw notAsJudged(name, `with UID ${oneLine(to.uid, 100)} is no revision of the workload any more`);
  if (revision.templateDigest !== to.templateDigest)
    throw notAsJudged(name, 'has another template than was judged');
  return { template: pinned(revision.template, to), revision };
}

/** Whether every container of a template has the image that the input names for it. */
export function hasImages(template: PodTemplate, { images }: RollbackInput['to']): boolean {
  const wanted = new Map(images.map(({ container, image }) => [container, image]));
  const containers = containersOf(template);
  return (
    containers.length === wanted.size && containers.every(({ name, image }) => wanted.get(name) === image)
  );
}
