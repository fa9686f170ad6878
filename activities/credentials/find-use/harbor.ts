import { z } from 'zod';
import { classifyService, isServiceError } from '../../service/errors.ts';
import { basic, createServiceClient, segment, type ServiceClient } from '../../service/client.ts';
import type { HarborConfig } from '../../registries/registries.ts';
import type { PushedImage, Uses } from './use.ts';
import { isWithin, type Window } from './window.ts';

const PAGE = 100;
const MAX_PAGES = 200;
/** Repositories whose artefacts are read for the digests of tags. */
const MAX_REPOSITORIES = 100;
/** Harbor writes its log a moment after the artefact. Milliseconds. */
const PUSH_SLACK_MS = 5_000;

/** The log of Harbor since 2.13, and the older one, which it goes on to answer. */
const logs = ['auditlog-exts', 'audit-logs'] as const;

const entry = z.object({
  id: z.int(),
  username: z.string(),
  operation: z.string(),
  resource_type: z.string(),
  resource: z.string(),
  op_time: z.iso.datetime({ offset: true }),
  is_successful: z.boolean().default(true),
});
type Entry = z.infer<typeof entry>;

const artifact = z.object({
  digest: z.string(),
  push_time: z.iso.datetime({ offset: true }).optional(),
});

/**
 * What a user or a robot of a Harbor did, from its audit log. A push by tag is logged without its digest: that is taken from the artefacts of the
 * repository which came at that moment.
 * @throws ServiceError when neither of its logs can be read
 */
export async function findInHarbor(
  config: HarborConfig,
  name: string,
  window: Window,
  uses: Uses,
  signal: AbortSignal,
): Promise<void> {
  const client = createServiceClient({
    service: `registries.${config.name}`,
    baseUrl: config.url,
    authorization: async () => basic(config.username, await config.password()),
  });
  try {
    const entries = new Map<string, Entry>();
    let answered = 0;
    let failure: unknown;
    for (const log of logs) {
      try {
        for (const one of await readLog(client, log, name, window, uses, signal))
          entries.set(`${log}/${one.id}`, one);
        answered += 1;
      } catch (error) {
        // A Harbor has one of them or both; what it refuses is told.
        if (!isServiceError(error)) throw error;
        failure = error;
        if (classifyService(error) !== 'gone') uses.miss(`${log} of registry ${config.name}`, error.message);
      }
    }
    if (answered === 0) throw failure;
    const digests = await digestsOf(client, [...entries.values()], uses, signal);
    for (const [id, one] of entries) {
      const image = imageOf(one);
      const isPush = one.operation === 'create' && one.resource_type === 'artifact' && one.is_successful;
      uses.add({
        id,
        at: new Date(one.op_time).toISOString(),
        principal: one.username,
        action: `${one.operation} ${one.resource_type}`,
        on: one.resource,
        address: '',
        agent: '',
        outcome: one.is_successful ? 'done' : 'failed',
        ...(isPush && image !== undefined
          ? { pushed: { ...image, digest: image.digest || (digests.get(one) ?? '') } }
          : {}),
      });
    }
  } finally {
    await client.close();
  }
}

async function readLog(
  client: ServiceClient,
  log: string,
  name: string,
  { since, until }: Window,
  uses: Uses,
  signal: AbortSignal,
): Promise<Entry[]> {
  const found: Entry[] = [];
  // Harbor decodes the query once more than HTTP does, and knows whole seconds.
  const user = encodeURIComponent(name);
  const range = `[${seconds(since)}~${seconds(new Date(until.getTime() + 999))}]`;
  for (let page = 1; ; page++) {
    const { body } = await client.read({
      operation: `read its ${log}`,
      path: `/api/v2.0/${log}`,
      query: {
        q: `username=${user},op_time=${range}`,
        sort: 'op_time',
        page: String(page),
        page_size: String(PAGE),
      },
      signal,
    });
    if (!Array.isArray(body)) {
      uses.miss(log, 'the answer is no list');
      return found;
    }
    for (const one of body) {
      const read = entry.safeParse(one);
      if (!read.success) uses.miss(log, 'an entry is not as expected');
      else if (read.data.username === name && isWithin({ since, until }, new Date(read.data.op_time)))
        found.push(read.data);
    }
    if (body.length < PAGE) return found;
    if (page === MAX_PAGES) {
      uses.miss(log, `more than ${MAX_PAGES * PAGE} entries`);
      return found;
    }
  }
}

/** Of pushes by tag: the one artefact of the repository that came at that moment. Several, or none, are told. */
async function digestsOf(
  client: ServiceClient,
  entries: readonly Entry[],
  uses: Uses,
  signal: AbortSignal,
): Promise<Map<Entry, string>> {
  const byRepository = new Map<string, Entry[]>();
  for (const one of entries) {
    const image = imageOf(one);
    if (image === undefined || image.digest !== '' || one.operation !== 'create') continue;
    if (one.resource_type !== 'artifact') continue;
    byRepository.set(image.repository, [...(byRepository.get(image.repository) ?? []), one]);
  }
  const digests = new Map<Entry, string>();
  for (const [index, [repository, pushes]] of [...byRepository].entries()) {
    const what = `digests pushed by tag to ${repository}`;
    if (index >= MAX_REPOSITORIES) {
      uses.miss(what, `more than ${MAX_REPOSITORIES} repositories`);
      continue;
    }
    try {
      const artifacts = await artifactsOf(client, repository, pushes, signal);
      for (const push of pushes) {
        const near = artifacts.filter(({ at }) => Math.abs(at - Date.parse(push.op_time)) <= PUSH_SLACK_MS);
        const [only, another] = new Set(near.map(({ digest }) => digest));
        if (only !== undefined && another === undefined) digests.set(push, only);
        else uses.miss(what, 'the audit log names the tag, and no one artefact came at that moment');
      }
    } catch (error) {
      if (!isServiceError(error)) throw error;
      uses.miss(what, error.message);
    }
  }
  return digests;
}

async function artifactsOf(
  client: ServiceClient,
  repository: string,
  pushes: readonly Entry[],
  signal: AbortSignal,
): Promise<{ digest: string; at: number }[]> {
  const [project = '', ...rest] = repository.split('/');
  const times = pushes.map(({ op_time }) => Date.parse(op_time));
  const from = new Date(Math.min(...times) - PUSH_SLACK_MS);
  const to = new Date(Math.max(...times) + PUSH_SLACK_MS + 999);
  const found: { digest: string; at: number }[] = [];
  for (let page = 1; page <= MAX_PAGES; page++) {
    const { body } = await client.read({
      operation: `list the artefacts of ${repository}`,
      // A slash in a repository's name is encoded twice.
      path: `/api/v2.0/projects/${segment(project)}/repositories/${segment(segment(rest.join('/')))}/artifacts`,
      query: {
        q: `push_time=[${seconds(from)}~${seconds(to)}]`,
        page: String(page),
        page_size: String(PAGE),
      },
      signal,
    });
    if (!Array.isArray(body)) return found;
    for (const one of body) {
      const read = artifact.safeParse(one);
      if (read.success && read.data.push_time !== undefined)
        found.push({ digest: read.data.digest, at: Date.parse(read.data.push_time) });
    }
    if (body.length < PAGE) break;
  }
  return found;
}

/** `library/shop:v1`, `library/shop:sha256:…` or `library/shop@sha256:…`. */
function imageOf({ resource }: Entry): PushedImage | undefined {
  const found = /^([^:@]+)[:@](.+)$/.exec(resource);
  if (found === null) return undefined;
  const [, repository = '', rest = ''] = found;
  return rest.includes(':') ? { repository, tag: '', digest: rest } : { repository, tag: rest, digest: '' };
}

/** As Harbor's queries take times: UTC, without a zone. */
function seconds(at: Date): string {
  return at.toISOString().slice(0, 19);
}
