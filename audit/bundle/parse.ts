import type { z } from 'zod';
import type { Json } from '../../domain/json.ts';
import { quote, type Findings } from '../findings.ts';
import { decodeUtf8, parseCanonical } from '../strict-json.ts';
import type { Files } from './read.ts';

/** The text of a file; undefined, with a finding, when it is absent or not UTF-8. */
export function textOf(files: Files, name: string, findings: Findings): string | undefined {
  const bytes = files.get(name)?.bytes;
  // That a required file is absent is the manifest's finding.
  if (bytes === undefined) return undefined;
  try {
    return decodeUtf8(bytes);
  } catch {
    findings.add('FB5107', name, '', `${name} is not UTF-8`);
    return undefined;
  }
}

/** A file of one canonical JSON value and a line feed. */
export function jsonOf(files: Files, name: string, findings: Findings): Json | undefined {
  const text = textOf(files, name, findings);
  if (text === undefined) return undefined;
  if (!text.endsWith('\n')) {
    findings.add('FB5107', name, '', `${name} does not end with a line feed`);
    return undefined;
  }
  return parseText(text.slice(0, -1), name, '', findings);
}

/** As `jsonOf`, of a given shape. */
export function shapeOf<S extends z.ZodType>(
  files: Files,
  name: string,
  shape: S,
  findings: Findings,
): z.infer<S> | undefined {
  const value = jsonOf(files, name, findings);
  return value === undefined ? undefined : checked(value, shape, 'FB5108', name, '', findings);
}

/** A file of one canonical JSON value a line. Lines that are not are findings, and `undefined` in the result. */
export function linesOf(files: Files, name: string, findings: Findings): (Json | undefined)[] {
  const text = textOf(files, name, findings);
  if (text === undefined || text === '') return [];
  const lines = text.split('\n');
  if (lines.pop() !== '') {
    findings.add(
      'FB5107',
      name,
      `line ${lines.length + 1}`,
      `${name} does not end with a line feed: its last line is cut off`,
    );
  }
  return lines.map((line, index) => parseText(line, name, `line ${index + 1}`, findings));
}

/** A value of the given shape; undefined, with a finding that names the field, when it is not. */
export function checked<S extends z.ZodType>(
  value: Json,
  shape: S,
  code: 'FB5108' | 'FB5301' | 'FB5703' | 'FB5801',
  name: string,
  at: string,
  findings: Findings,
): z.infer<S> | undefined {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field =
    issue === undefined || issue.path.length === 0 ? 'the whole value' : quote(issue.path.join('.'), 80);
  findings.add(code, name, at, `${field}: ${quote(issue?.message ?? 'not as expected', 200)}`);
  return undefined;
}

function parseText(text: string, name: string, at: string, findings: Findings): Json | undefined {
  try {
    return parseCanonical(text);
  } catch (error) {
    findings.add(
      'FB5107',
      name,
      at,
      `not canonical JSON: ${quote(error instanceof Error ? error.message : String(error))}`,
    );
    return undefined;
  }
}
