import { Readable } from 'node:stream';
import type { Cluster } from '../client.ts';
import { truncate } from '../../../domain/safe-text.ts';
import { isKubernetesError } from '../errors.ts';
import { pathOf, resources } from '../resources.ts';
import type { Collection } from './collection.ts';

/** Lines fetched from the end of a log that is longer than its cap. */
const tailLines = 2_000;

/**
 * A container's log, now and before its last restart, with the node's timestamps. Of one that exceeds `maxBytes` the first bytes are kept and, as an
 * artefact of its own, the last 2,000 lines: noise before or after does not hide both ends.
 */
export async function collectLogs(
  cluster: Cluster,
  where: { namespace: string; pod: string; container: string },
  maxBytes: number,
  collection: Collection,
): Promise<void> {
  const { namespace, pod, container } = where;
  const location = { ...resources.pods, namespace, name: pod, subresource: 'log' };
  for (const age of ['current', 'previous'] as const) {
    const name = `namespaces/${namespace}/pods/${pod}/logs/${container}.${age}`;
    const query = { container, timestamps: 'true', ...(age === 'previous' ? { previous: 'true' } : {}) };
    let cut: string | undefined;
    const onCut = (why: string) => {
      cut = collection.signal.aborted ? 'deadline' : why;
    };
    const read = async (extra: { [key: string]: string }) =>
      Readable.from(
        firstBytes(
          await cluster.stream(location, { ...query, ...extra }, { signal: collection.signal }),
          maxBytes,
          onCut,
        ),
        { objectMode: false },
      );
    let absent = false;
    const ref = await collection.collect(name, sourceOf(location, query), 'text/plain', async () => {
      try {
        return await read({});
      } catch (error) {
        absent = age === 'previous' && isKubernetesError(error) && error.status === 400;
        throw error;
      }
    });
    if (absent) markExpected(collection, name);
    if (ref === undefined || cut === undefined) continue;
    collection.miss(`${name} beyond its first ${ref.size} bytes`, cut);
    if (cut !== overCap) continue;
    const end = { tailLines: String(tailLines), limitBytes: String(maxBytes) };
    await collection.collect(`${name}.tail`, sourceOf(location, { ...query, ...end }), 'text/plain', () =>
      read(end),
    );
  }
}

const overCap = 'it is longer than logBytes allows; its last lines are in an artefact of their own';

/** The first bytes of a stream. A stream that breaks leaves what came before: half a log is evidence. */
async function* firstBytes(
  stream: Readable,
  maxBytes: number,
  onCut: (why: string) => void,
): AsyncGenerator<Buffer> {
  let left = maxBytes;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (chunk.length > left) {
        if (left > 0) yield chunk.subarray(0, left);
        onCut(overCap);
        return;
      }
      left -= chunk.length;
      yield chunk;
    }
  } catch (error) {
    onCut(`the stream broke: ${truncate(error instanceof Error ? error.message : 'unknown', 200)}`);
  } finally {
    stream.destroy();
  }
}

/** A container that has not restarted has no earlier log: recorded, and no failure. */
function markExpected(collection: Collection, name: string): void {
  const last = collection.missing.findLast(({ what }) => what === name);
  if (last !== undefined) last.expected = true;
}

function sourceOf(location: Parameters<typeof pathOf>[0], query: { [key: string]: string }): string {
  return `${pathOf(location)}?${new URLSearchParams(query).toString()}`;
}
