import { z } from 'zod';
import { FirebreakError } from '../domain/errors.ts';
import { sha256, isObject, type Json } from '../domain/json.ts';
import { registryEventCaps, type RegistryEvent, type UnreadableEvent } from '../domain/registry-event.ts';
import { parseJson, type JsonLimits } from './json.ts';

/** What is read of an event of CNCF Distribution (application/vnd.docker.distribution.events.v1+json and v2); the rest passes by. */
const shape = z.object({
  id: z.string().min(1).max(registryEventCaps.id),
  timestamp: z.iso.datetime({ offset: true }),
  action: z.string().min(1).max(registryEventCaps.action),
  target: z
    .object({
      mediaType: z.string().default(''),
      digest: z.string().default(''),
      repository: z.string().default(''),
      tag: z.string().default(''),
      url: z.string().default(''),
    })
    .prefault({}),
  request: z.object({ addr: z.string().default(''), useragent: z.string().default('') }).prefault({}),
  actor: z.object({ name: z.string().default('') }).prefault({}),
});

/** For the description of the API. */
export const envelope = z.object({ events: z.array(shape) });

/** As many events as are taken in of one envelope; Distribution sends one. */
const mostEvents = 1_000;

/** A notification as it came; `bytes` is absent when there were too many to keep. */
export interface Notification {
  bytes?: Buffer;
  size: number;
  digest: UnreadableEvent['digest'];
}

/**
 * The events of a notification. Never throws for what it holds: a registry sends what was refused again and again, and everything after it waits. So
 * one that cannot be read is told as such, or whoever can make one could blind us with it.
 */
export function readEnvelope(
  { bytes, size, digest }: Notification,
  limits: JsonLimits,
): { events: RegistryEvent[]; unreadable: UnreadableEvent[] } {
  const unreadable = (why: string) => ({ events: [], unreadable: [{ digest, size, why }] });
  if (bytes === undefined) return unreadable('it is too large');
  let body: Json;
  try {
    body = parseJson(bytes, limits);
  } catch (error) {
    if (!(error instanceof FirebreakError)) throw error;
    return unreadable(error.message);
  }
  const listed = isObject(body) ? body['events'] : undefined;
  if (!Array.isArray(listed)) return unreadable('it has no list of events');
  const found: ReturnType<typeof readEnvelope> = { events: [], unreadable: [] };
  for (const one of listed.slice(0, mostEvents)) {
    const read = shape.safeParse(one);
    if (read.success) {
      found.events.push(eventOf(read.data));
      continue;
    }
    const text = JSON.stringify(one);
    // Names a field of ours and what was expected there; quotes nothing.
    const field = read.error.issues[0]?.path.join('.') ?? '';
    const why = `an event's ${field === '' ? 'form' : field} is not as expected`;
    found.unreadable.push({ digest: sha256(text), size: Buffer.byteLength(text), why });
  }
  if (listed.length > mostEvents)
    found.unreadable.push({ digest, size, why: `it has ${listed.length} events` });
  return found;
}

function eventOf({ id, timestamp, action, target, request, actor }: z.output<typeof shape>): RegistryEvent {
  const { actor: most, address, agent, repository, tag, digest } = registryEventCaps;
  return {
    id: id.toWellFormed(),
    at: new Date(timestamp).toISOString(),
    action: action.toWellFormed(),
    actor: cut(actor.name, most),
    address: cut(request.addr, address),
    agent: cut(request.useragent, agent),
    repository: cut(target.repository, repository),
    tag: cut(target.tag, tag),
    digest: cut(target.digest, digest),
    image: isImage(target),
  };
}

/** By its address, for the media type is the pusher's to choose; by the media type where there is none. */
function isImage({ url, mediaType, tag }: { url: string; mediaType: string; tag: string }): boolean {
  if (tag !== '' || url.includes('/manifests/')) return true;
  return !url.includes('/blobs/') && mediaType !== '' && mediaType !== 'application/octet-stream';
}

/** What nobody but a liar sends so long; the mark at its end keeps it from being mistaken for a shorter one. */
function cut(text: string, most: number): string {
  return text.length <= most ? text.toWellFormed() : `${text.slice(0, most - 1).toWellFormed()}…`;
}
