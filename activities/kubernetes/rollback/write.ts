import { setTimeout as sleep } from 'node:timers/promises';
import type { Change } from '../../../domain/action.ts';
import { digest } from '../../../domain/json.ts';
import { isKubernetesError } from '../errors.ts';
import { drift } from '../quarantine/failures.ts';
import { changeOf } from '../quarantine/write.ts';
import { containersOf, storedDigest } from '../workload/template.ts';
import { locationOf, templateOf, type PodTemplate, type Workload } from '../workload/kinds.ts';
import { admissionChanges } from './failures.ts';
import { markKey, markText, type Mark } from './mark.ts';
import { settingsOf, type Settings } from './settings.ts';
import { nameOf, readTarget, type Work } from './work.ts';

/** A rollout writes into the status many times a second. */
const ROUNDS = 30;
const PAUSE_MS = 100;

/** What a write makes of a workload. Fields that are absent stay. */
export interface Desired {
  template?: PodTemplate;
  settings?: Settings;
  /** null: takes it away. */
  mark?: Mark | null;
  /** Stores it without asking what admission makes of it: what was there before. */
  asItWas?: boolean;
  /** One line for a person. */
  summary: string;
}

type Operation = { op: 'test' | 'add' | 'remove'; path: string; value?: unknown };

/** The patch that does it to this version of this workload, and to no other. */
export function patchOf(workload: Workload, { template, settings, mark }: Desired): Operation[] {
  const { uid, resourceVersion, annotations } = workload.metadata;
  const operations: Operation[] = [
    { op: 'test', path: '/metadata/uid', value: uid },
    { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
  ];
  const at = `/metadata/annotations/${markKey.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  if (mark === null) {
    if (annotations?.[markKey] !== undefined) operations.push({ op: 'remove', path: at });
  } else if (mark !== undefined) {
    if (annotations === undefined) operations.push({ op: 'add', path: '/metadata/annotations', value: {} });
    operations.push({ op: 'add', path: at, value: markText(mark) });
  }
  if (template !== undefined)
    operations.push({
      op: 'add',
      path: workload.kind === 'CronJob' ? '/spec/jobTemplate/spec/template' : '/spec/template',
      value: template,
    });
  for (const [field, value] of Object.entries(settings ?? {}))
    operations.push({ op: 'add', path: `/spec/${field}`, value });
  return operations;
}

/**
 * Writes what `next` says of the workload as it is read, again and again while only others' writes to its status come between.
 * @param next throws when the workload is not as it should be; undefined: nothing is left to write
 * @returns the workload as it is now
 */
export async function change(
  work: Work,
  name: string,
  next: (workload: Workload) => Desired | undefined | Promise<Desired | undefined>,
): Promise<Workload> {
  const { cluster, context } = work;
  for (let round = 0; round < ROUNDS; round++) {
    const workload = await readTarget(work);
    const desired = await next(workload);
    if (desired === undefined) return workload;
    const what = nameOf(workload);
    const patch = patchOf(workload, desired);
    try {
      if (desired.template !== undefined && desired.asItWas !== true)
        await tryOut(work, workload, desired.template, patch);
      await context.beforeWrite(`${name} ${what}`);
      const after = await cluster.patch<Workload>(locationOf(workload), patch, { signal: context.signal });
      work.changes.push(madeOf(workload, after, desired.summary));
      await context.checkpoint(`${name}: wrote ${what}`);
      return after;
    } catch (error) {
      // A failed test is an answer 422, as a refusal is: who has written meanwhile tells them apart.
      if (!isKubernetesError(error, 'drift', 'refused')) throw error;
      const now = await readTarget(work);
      if (error.status !== 409 && now.metadata.resourceVersion === workload.metadata.resourceVersion)
        throw error;
      await sleep(PAUSE_MS, undefined, { signal: context.signal });
    }
  }
  throw drift(
    nameOf(work.snapshot.workload),
    `was changed by others ${ROUNDS} times while it was being written`,
  );
}

/** Lets admission have its say before anything is stored. @throws FirebreakError FB3246 when it makes something else of it */
async function tryOut(
  { cluster, context }: Work,
  workload: Workload,
  template: PodTemplate,
  patch: Operation[],
): Promise<void> {
  const stored = await dryRun(cluster, workload, patch, context.signal);
  if (stored === undefined || storedDigest(stored) === storedDigest(template)) return;
  const changed = containersOf(stored)
    .filter(({ name, image }) => containersOf(template).find((one) => one.name === name)?.image !== image)
    .map(({ name, image }) => `${name}: ${image}`);
  throw admissionChanges(
    nameOf(workload),
    changed.length === 0 ? 'its template becomes another one' : changed.join(', '),
  );
}

/** As `patchOf`, for a plan: whichever version there is by then. */
export function plannedPatch(workload: Workload, template: PodTemplate): Operation[] {
  const version = '/metadata/resourceVersion';
  return patchOf(workload, { template, summary: '' }).filter(({ path }) => path !== version);
}

/** What would be stored. undefined where a webhook of the cluster has no dry run: nobody can tell then. */
export async function dryRun(
  cluster: Work['cluster'],
  workload: Workload,
  patch: Operation[],
  signal: AbortSignal,
): Promise<PodTemplate | undefined> {
  try {
    const tried = await cluster.patch<Workload>(locationOf(workload), patch, { signal, dryRun: true });
    return templateOf(tried);
  } catch (error) {
    if (isKubernetesError(error, 'refused') && /does not support dry run/i.test(error.message))
      return undefined;
    throw error;
  }
}

function madeOf(before: Workload, after: Workload, summary: string): Change {
  const change = changeOf('update', after, summary);
  return { ...change, before: stateDigest(before), after: stateDigest(after) };
}

/** Of what a rollback changes in a workload: its template and how far that goes. */
export function stateDigest(workload: Workload): `sha256:${string}` {
  return digest({ template: storedDigest(templateOf(workload)), settings: settingsOf(workload) });
}
