import { oneLine } from '../../domain/safe-text.ts';
import type { NodeStyle } from './model.ts';

/** Most characters of a line in a node. */
const maxLine = 120;

/** Fill and border; the text is black on all of them. Effects are told apart by their words too, for whoever sees no colours. */
export const colours: { readonly [style in NodeStyle]: readonly [fill: string, border: string] } = {
  read: ['#eef2f7', '#5b6b7f'],
  contain: ['#fde7c7', '#b05e00'],
  reversible: ['#e3f1de', '#3d7a26'],
  irreversible: ['#fbd9d7', '#b3261e'],
  question: ['#fff6c2', '#8a6d00'],
  control: ['#ffffff', '#5b6b7f'],
  bad: ['#fbd9d7', '#b3261e'],
  good: ['#e3f1de', '#3d7a26'],
};

/** A line of the playbook's text, harmless and short; its markup is not escaped yet. */
export function label(text: string): string {
  return oneLine(text, maxLine);
}
