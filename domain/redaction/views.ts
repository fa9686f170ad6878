/** A text as its reader would decode it, and where each of its units came from. */
export interface View {
  text: string;
  /** Start in the original of each unit, and the original's length at the end. Absent: they are the same. */
  starts?: Int32Array;
}

/** From `from` up to `to`, not included. UTF-16 units. */
export interface Range {
  from: number;
  to: number;
}

/** A text as it is, percent-decoded, as a form's value, and with the escapes of JSON undone, once and twice. Time and room are linear. */
export function viewsOf(text: string): View[] {
  const plain: View = { text };
  const percent = decoded(plain, '%', fromPercent);
  // A form writes a space as a plus, and a plus as %2B.
  const spaced = decoded(plain, '+', fromPlus);
  const form = spaced === undefined ? undefined : (decoded(spaced, '%', fromPercent) ?? spaced);
  const json = decoded(plain, '\\', fromJson);
  const twice = json === undefined ? undefined : decoded(json, '\\', fromJson);
  const jsonInUrl = percent === undefined ? undefined : decoded(percent, '\\', fromJson);
  return [plain, percent, form, json, twice, jsonInUrl].filter((view) => view !== undefined);
}

/** A range of a view in the original. */
export function original({ starts }: View, { from, to }: Range): Range {
  return starts === undefined ? { from, to } : { from: starts[from] ?? 0, to: starts[to] ?? 0 };
}

type Decode = (text: string, at: number) => { unit: string; length: number } | undefined;

/** undefined when there is nothing to decode. */
function decoded(view: View, escape: string, decode: Decode): View | undefined {
  const { text } = view;
  let next = text.indexOf(escape);
  if (next < 0) return undefined;
  const starts = new Int32Array(text.length + 1);
  const pieces: string[] = [];
  let length = 0;
  let changed = false;
  const copy = (from: number, to: number) => {
    pieces.push(text.slice(from, to));
    for (let at = from; at < to; at++) starts[length++] = at;
  };
  let at = 0;
  while (next >= 0) {
    copy(at, next);
    const found = decode(text, next);
    if (found === undefined) {
      copy(next, next + 1);
      at = next + 1;
    } else {
      changed = true;
      pieces.push(found.unit);
      starts[length++] = next;
      at = next + found.length;
    }
    next = text.indexOf(escape, at);
  }
  if (!changed) return undefined;
  copy(at, text.length);
  starts[length++] = text.length;
  const { starts: before } = view;
  const own = starts.slice(0, length);
  return {
    text: pieces.join(''),
    starts: before === undefined ? own : own.map((start) => before[start] ?? 0),
  };
}

const fromPlus: Decode = () => ({ unit: ' ', length: 1 });

const fromPercent: Decode = (text, at) => {
  const code = hexAt(text, at + 1, 2);
  return code === undefined ? undefined : { unit: String.fromCharCode(code), length: 3 };
};

const escapes: { readonly [character: string]: string } = {
  '"': '"',
  "'": "'",
  '`': '`',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** JSON's escapes, and those that `util.inspect` writes. */
const fromJson: Decode = (text, at) => {
  const kind = text.charAt(at + 1);
  const digits = kind === 'u' ? 4 : kind === 'x' ? 2 : 0;
  if (digits > 0) {
    const code = hexAt(text, at + 2, digits);
    return code === undefined ? undefined : { unit: String.fromCharCode(code), length: 2 + digits };
  }
  const unit = Object.hasOwn(escapes, kind) ? escapes[kind] : undefined;
  return unit === undefined ? undefined : { unit, length: 2 };
};

function hexAt(text: string, at: number, digits: number): number | undefined {
  const found = text.slice(at, at + digits);
  return found.length === digits && /^[0-9a-fA-F]+$/.test(found) ? Number.parseInt(found, 16) : undefined;
}
