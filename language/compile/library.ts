import { isObject } from '../../domain/json.ts';
import { readDocument } from './document.ts';

/** A playbook's file, read. */
export interface PlaybookText {
  file: string;
  text: string;
}

/** The playbooks that others may run, by id. */
export interface Library {
  get(id: string): PlaybookText | undefined;
  /** For suggestions. */
  ids?(): Iterable<string>;
}

/** A library of files; of those that give the same id, the first. */
export function libraryOf(texts: Iterable<PlaybookText>): Library & { ids(): Iterable<string> } {
  const byId = new Map<string, PlaybookText>();
  for (const text of texts) {
    const id = playbookId(text.text);
    if (id !== undefined && !byId.has(id)) byId.set(id, text);
  }
  return { get: (id) => byId.get(id), ids: () => byId.keys() };
}

/** The id that a playbook's file gives; undefined when it cannot be read. */
export function playbookId(text: string): string | undefined {
  const reading = readDocument(text);
  const id = 'source' in reading && isObject(reading.source.value) ? reading.source.value['id'] : undefined;
  return typeof id === 'string' ? id : undefined;
}
