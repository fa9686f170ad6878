import type { Json } from '../../domain/json.ts';
import type { Expression, IfGiven, Template } from '../run/playbook.ts';
import type { Path } from './problem.ts';

/** An expression found in a value: where its text begins in the string at `path`. */
export interface Found {
  cel: string;
  path: Path;
  index: number;
  /** Whether it is the whole value, and so keeps its type. */
  whole: boolean;
  /** What it becomes: the part of the template that it was read into. */
  expression: Expression | IfGiven;
}

/** `${{` without its end, at `index` of the string at `path`. */
export interface Unterminated {
  path: Path;
  index: number;
}

/** Splits the expressions out of a value. Strings without `${{` are literal, whatever else is in them. */
export function parseTemplate(value: Json, path: Path, found: Found[], broken: Unterminated[]): Template {
  if (typeof value === 'string') return splitText(value, path, found, broken);
  if (typeof value !== 'object' || value === null) return { literal: value };
  if (Array.isArray(value)) {
    const list = value.map((item, index) => parseTemplate(item, [...path, index], found, broken));
    return list.every((item) => 'literal' in item) ? { literal: value } : { list };
  }
  const entries = Object.entries(value).map(
    ([key, item]) => [key, parseTemplate(item, [...path, key], found, broken)] as const,
  );
  if (entries.every(([, item]) => 'literal' in item)) return { literal: value };
  return { map: Object.fromEntries(entries) };
}

function splitText(text: string, path: Path, found: Found[], broken: Unterminated[]): Template {
  const parts: Template[] = [];
  let at = 0;
  for (let open = text.indexOf('${{'); open !== -1; open = text.indexOf('${{', at)) {
    const close = endOfExpression(text, open + 3);
    if (close === undefined) {
      broken.push({ path, index: open });
      return { literal: text };
    }
    if (open > at) parts.push({ literal: text.slice(at, open) });
    const inner = text.slice(open + 3, close);
    const cel = inner.trim();
    const whole = open === 0 && close + 2 === text.length;
    const expression: Expression = { cel };
    const index = open + 3 + inner.length - inner.trimStart().length;
    found.push({ cel, path, index, whole, expression });
    if (whole) return expression;
    parts.push(expression);
    at = close + 2;
  }
  if (parts.length === 0) return { literal: text };
  if (at < text.length) parts.push({ literal: text.slice(at) });
  return { concat: parts };
}

/** Where `}}` ends an expression: not inside its strings, and not the closing braces of its maps. */
function endOfExpression(text: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === '"' || character === "'") {
      const end = endOfString(text, at);
      if (end === undefined) return undefined;
      at = end;
    } else if (character === '{') depth++;
    else if (character === '}') {
      if (depth > 0) depth--;
      else return text[at + 1] === '}' ? at : undefined;
    }
  }
  return undefined;
}

/** The last character of a CEL string that begins at `start`: `'…'`, `"…"`, their triples, raw with the prefix `r`. */
function endOfString(text: string, start: number): number | undefined {
  const quote = text[start] ?? '';
  const triple = quote.repeat(3);
  const fence = text.startsWith(triple, start) ? triple : quote;
  const raw = /(^|[^\w])[rR]$/.test(text.slice(Math.max(0, start - 2), start));
  for (let at = start + fence.length; at < text.length; at++) {
    if (text[at] === '\\' && !raw) at++;
    else if (text.startsWith(fence, at)) return at + fence.length - 1;
  }
  return undefined;
}
