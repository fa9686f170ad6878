import { z } from 'zod';
import { canonical } from '../../domain/json.ts';
import { parseLine } from '../json-lines.ts';

const event = z.strictObject({
  id: z.string(),
  at: z.iso.datetime(),
  action: z.string(),
  actor: z.string(),
  address: z.string(),
  agent: z.string(),
  repository: z.string(),
  tag: z.string(),
  digest: z.string(),
  image: z.boolean(),
});

const unreadable = z.strictObject({
  digest: z.templateLiteral(['sha256:', z.string()]),
  size: z.int(),
  why: z.string(),
});

const kept = z.strictObject({
  v: z.literal(1),
  receivedAt: z.iso.datetime(),
  event: event.exactOptional(),
  unreadable: unreadable.exactOptional(),
});
/** One notification, read or unreadable. */
export type Kept = z.infer<typeof kept>;

/** One line of the store, as it is written. */
export function lineOf(line: Kept): string {
  return `${canonical(line)}\n`;
}

/** undefined for a line that is damaged. */
export function parseKept(line: string): Kept | undefined {
  const parsed = parseLine(line, kept);
  return parsed?.event === undefined && parsed?.unreadable === undefined ? undefined : parsed;
}

const began = z.strictObject({ v: z.literal(1), at: z.iso.datetime() });

export function parseBegan(text: string | undefined): z.infer<typeof began> | undefined {
  return text === undefined ? undefined : parseLine(text, began);
}

const dropped = z.strictObject({
  v: z.literal(1),
  /** The last file that was dropped. */
  through: z.int(),
  events: z.int(),
  /** When the latest event among them happened. */
  until: z.iso.datetime(),
});
export type Dropped = z.infer<typeof dropped>;

export function parseDropped(text: string | undefined): Dropped | undefined {
  return text === undefined ? undefined : parseLine(text, dropped);
}
