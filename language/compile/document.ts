import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  visit,
  type Document,
  type Node,
  type Pair,
} from 'yaml';
import type { Json } from '../../domain/json.ts';
import { fieldOf, type Fault, type Finding, type Path } from './problem.ts';

/** Bytes a file may have, and how deep it may nest. */
const maxBytes = 256 * 1024;
const maxNesting = 32;

/** A YAML file as plain data, with the way back to its text. */
export interface Source {
  value: Json;
  text: string;
  /** Offset of a value, or of its key; that of the nearest enclosing value when the path leads nowhere. */
  offsetOf: (path: Path, atKey?: boolean) => number;
  /** Offset of a character of a string, when the string stands in the text as it is; its beginning otherwise. */
  offsetIn: (path: Path, index: number) => number;
}

export type Reading = { source: Source } | { findings: Finding[] };

function fail(code: Finding['code'], message: string, fix: string, offset = 0): Reading {
  return { findings: [{ code, path: [], offset, message, fix }] };
}

/** Reads one YAML document of plain data: no anchors, tags, merge keys or duplicate keys. Never throws. */
export function readDocument(text: string): Reading {
  if (new TextEncoder().encode(text).length > maxBytes)
    return fail('FB2001', `the file is larger than ${maxBytes} bytes`, 'split it, or shorten it');
  const tooDeep = deepBrackets(text);
  if (tooDeep !== undefined) return fail('FB2004', ...nestingTexts, tooDeep);
  let documents: Document.Parsed[];
  try {
    documents = [
      ...parseAllDocuments(text, {
        strict: true,
        uniqueKeys: true,
        stringKeys: true,
        merge: false,
        prettyErrors: false,
      }),
    ];
  } catch {
    // The parser recurses, and block nesting is only known once it is read.
    return fail('FB2004', ...nestingTexts);
  }
  const [document, second] = documents;
  if (document === undefined || document.contents === null)
    return fail('FB2002', 'the file is empty', 'write it, or remove it');
  const [error] = document.errors;
  if (error !== undefined) {
    // The parser reports its own exhausted stack as a fault of the text.
    if (error.code === 'RESOURCE_EXHAUSTION') return fail('FB2004', ...nestingTexts, error.pos[0]);
    const duplicate = error.code === 'DUPLICATE_KEY';
    return fail(
      duplicate ? 'FB2005' : 'FB2002',
      duplicate ? 'the same key stands twice in one map' : `not valid YAML: ${error.message}`,
      duplicate ? 'remove one of the two' : 'correct the YAML here',
      error.pos[0],
    );
  }
  if (second !== undefined)
    return fail(
      'FB2003',
      'the file has more than one document',
      'write one document a file: remove `---`',
      second.range[0],
    );
  const refused = refusedFeature(document);
  if (refused !== undefined) return { findings: [refused] };
  const contents: Node = document.contents;
  try {
    return { source: { value: toJson(contents, 0), text, ...locator(contents, text) } };
  } catch (error) {
    if (error instanceof Refused) return fail(error.code, error.message, error.fix, error.offset);
    throw error;
  }
}

const nestingTexts = [`the file nests more than ${maxNesting} levels deep`, 'flatten it'] as const;

/** Line and column of an offset, both from 1. */
export function placeIn(text: string): (offset: number) => { line: number; column: number } {
  const counter = new LineCounter();
  counter.addNewLine(0);
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) counter.addNewLine(at + 1);
  return (offset) => {
    const { line, col } = counter.linePos(Math.min(offset, text.length));
    return { line, column: col };
  };
}

/** Makes faults of a file out of what is wrong and at which offset of the text. */
export function faultsIn(
  file: string,
  text: string,
): (found: Pick<Finding, 'path' | 'message' | 'fix'>, offset: number) => Fault {
  const place = placeIn(text);
  return ({ path, message, fix }, offset) => ({ file, ...place(offset), field: fieldOf(path), message, fix });
}

class Refused extends Error {
  readonly code: Finding['code'];
  readonly fix: string;
  readonly offset: number;
  constructor(code: Finding['code'], message: string, fix: string, node: Node | null) {
    super(message);
    this.code = code;
    this.fix = fix;
    this.offset = node?.range?.[0] ?? 0;
  }
}

/** Where brackets nest too deeply, before the recursive parser sees them. Brackets in plain text count as well, which is harmless. */
function deepBrackets(text: string): number | undefined {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '[' || character === '{') depth++;
    else if (character === ']' || character === '}') depth = Math.max(0, depth - 1);
    if (depth > maxBracketRun) return at;
  }
  return undefined;
}
const maxBracketRun = 1000;

function refusedFeature(document: Document.Parsed): Finding | undefined {
  let found: Finding | undefined;
  const refuse = (offset: number | undefined, what: string, fix: string): symbol => {
    found = {
      code: 'FB2003',
      path: [],
      offset: offset ?? 0,
      message: `${what} are not allowed here`,
      fix,
    };
    return visit.BREAK;
  };
  visit(document, {
    Node(_, node) {
      const at = node.range?.[0];
      if (isAlias(node))
        return refuse(at, 'aliases', 'write the value out, or put a text that begins with * in quotes');
      if (node.anchor !== undefined) return refuse(at, 'anchors', 'write the value out where it is used');
      if (node.tag !== undefined && !plainTags.has(node.tag))
        return refuse(at, 'tags', 'remove the tag, or put a text that begins with ! in quotes');
      return undefined;
    },
    Pair(_, pair) {
      if (isScalar(pair.key) && pair.key.value === '<<')
        return refuse(pair.key.range?.[0], 'merge keys', 'write the keys out');
      return undefined;
    },
  });
  return found;
}
/** The parser sets these itself on what it read as such. */
const plainTags: ReadonlySet<string> = new Set([
  'tag:yaml.org,2002:map',
  'tag:yaml.org,2002:seq',
  'tag:yaml.org,2002:str',
]);

function toJson(node: Node | null, depth: number): Json {
  if (node === null) return null;
  if (depth > maxNesting) throw new Refused('FB2004', ...nestingTexts, node);
  if (isMap(node))
    return Object.fromEntries(node.items.map((pair) => [keyOf(pair), toJson(nodeOf(pair.value), depth + 1)]));
  if (isSeq(node)) return node.items.map((item) => toJson(nodeOf(item), depth + 1));
  if (!isScalar(node))
    throw new Refused('FB2003', 'aliases are not allowed here', 'write the value out', node);
  const { value } = node;
  if (typeof value === 'string') {
    if (!value.isWellFormed())
      throw new Refused('FB2006', 'the text holds half a surrogate pair', 'write the whole character', node);
    return value;
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
      throw new Refused('FB2006', 'the number cannot be kept exactly', 'write it in quotes, as text', node);
    return value;
  }
  if (value === null || typeof value === 'boolean') return value;
  throw new Refused(
    'FB2006',
    'the value is neither text, number, boolean nor null',
    'write it in quotes, as text',
    node,
  );
}

function nodeOf(value: unknown): Node | null {
  return isNode(value) ? value : null;
}

function keyOf(pair: Pair): string {
  const key = isScalar(pair.key) ? pair.key.value : undefined;
  if (typeof key !== 'string')
    throw new Refused(
      'FB2003',
      'keys that are not text are not allowed here',
      'use a plain word',
      nodeOf(pair.key),
    );
  if (key === '__proto__' || !key.isWellFormed())
    throw new Refused(
      'FB2006',
      `the key ${JSON.stringify(key)} cannot be used`,
      'choose another name',
      nodeOf(pair.key),
    );
  return key;
}

function locator(root: Node, text: string): Pick<Source, 'offsetOf' | 'offsetIn'> {
  const find = (path: Path): { node: Node | null; key: Node | null; whole: boolean } => {
    let node: Node | null = root;
    let key: Node | null = null;
    for (const part of path) {
      let next: Node | null | undefined;
      let nextKey: Node | null = null;
      if (isMap(node)) {
        const pair: Pair | undefined = node.items.find(
          (item) => isScalar(item.key) && item.key.value === part,
        );
        next = pair === undefined ? undefined : nodeOf(pair.value);
        nextKey = nodeOf(pair?.key);
      } else if (isSeq(node))
        next = Number(part) < node.items.length ? nodeOf(node.items[Number(part)]) : undefined;
      if (next === undefined) return { node, key, whole: false };
      node = next;
      key = nextKey;
    }
    return { node, key, whole: true };
  };
  const offsetOf = (path: Path, atKey = false): number => {
    const { node, key, whole } = find(path);
    const empty = node === null || node.range === undefined || node.range === null;
    const chosen = (atKey && whole) || empty ? (key ?? node) : node;
    return chosen?.range?.[0] ?? 0;
  };
  return {
    offsetOf,
    offsetIn(path, index) {
      const { node } = find(path);
      const start = offsetOf(path);
      if (!isScalar(node) || typeof node.value !== 'string' || !node.range) return start;
      const at = text.slice(node.range[0], node.range[1]).indexOf(node.value);
      return at === -1 ? start : start + at + index;
    },
  };
}
