/** Runs of combining marks longer than this pile up over the lines around them. */
const mostMarks = 4;

/** Characters that draw nothing, break lines or change the reading order; lone surrogates have no UTF-8. U+FE0F only picks an emoji's colour. */
const deceptive = /(?!\u{FE0F})[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u{2800}]/gu;
const piledMarks = new RegExp(String.raw`(\p{M}{${mostMarks}})(\p{M}+)`, 'gu');
/** Scripts written from right to left: they pull the digits and punctuation beside them along. */
const rightToLeft =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

/** U+2068 and U+2069: what is between them cannot reorder what is around them. */
const isolate = '\u{2068}';
const endIsolate = '\u{2069}';

/**
 * A string from outside as one line that a person can read without being deceived: line breaks become `⏎`, invisible and reordering
 * characters become `⟨U+202E⟩`, piled-up marks are counted, text from right to left is isolated, and what is longer than
 * `max` UTF-16 units is cut with the number of characters left out. Never longer than `max`; deterministic.
 * It does not escape any markup: give the result to something that parses none.
 */
export function oneLine(text: string, max: number): string {
  // Cut first: an input of megabytes must not cost megabytes of work. What is cut here is counted below.
  const head = sliceWell(text, max * 2);
  const clean = head
    .replace(/\r\n?|[\n\u{2028}\u{2029}\u{85}]/gu, '⏎')
    .replace(/\t/g, ' ')
    .replace(deceptive, (character) => `⟨U+${hex(character)}⟩`)
    .replace(piledMarks, (_run, kept: string, more: string) => `${kept}⟨+${Array.from(more).length} marks⟩`);
  const room = rightToLeft.test(clean) ? max - 2 : max;
  const cut = cutLine(clean, text.length - head.length, room);
  return room === max ? cut : `${isolate}${cut}${endIsolate}`;
}

/** Cuts at `max` units and says how many were left out, `beyond` more included. */
function cutLine(text: string, beyond: number, max: number): string {
  if (beyond === 0 && text.length <= max) return text;
  const kept = sliceWell(text, Math.max(0, max - note(text.length + beyond).length));
  return `${kept}${note(text.length - kept.length + beyond)}`.slice(0, max);
}

/** The first `units` UTF-16 units, without half a surrogate pair at the end. */
function sliceWell(text: string, units: number): string {
  if (text.length <= units) return text;
  const last = text.charCodeAt(units - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? units - 1 : units);
}

const note = (left: number): string => `… (+${left} characters)`;

function hex(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
}

/** Cuts text of others to a length that fits a message; marks the cut. Escapes nothing. */
export function truncate(text: string, length = 500): string {
  return text.length <= length ? text : `${text.slice(0, length - 1).toWellFormed()}…`;
}
