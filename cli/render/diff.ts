import type { Json } from '../../domain/json.ts';
import type { Difference } from '../diff/compare.ts';
import { paint, paragraph, safe, type Style } from '../output.ts';

const signs: { readonly [change in Difference['change']]: readonly [sign: string, style: Style] } = {
  added: ['+', 'green'],
  removed: ['-', 'red'],
  moved: ['>', 'cyan'],
  changed: ['~', 'yellow'],
};

/** What changed, a point each; what is weaker than before is said first and loudly. */
export function renderDifferences(differences: readonly Difference[]): string {
  if (differences.length === 0) return 'No difference in meaning.';
  const weaker = differences.filter(({ weakened }) => weakened !== undefined);
  return [...weaker, ...differences.filter(({ weakened }) => weakened === undefined)]
    .flatMap(renderOne)
    .join('\n');
}

function renderOne({ change, where, playbook, field, before, after, weakened }: Difference): string[] {
  const [sign, style] = signs[change];
  const place = [playbook, where, field].filter((part) => part !== undefined && part !== '').join(' ');
  return [
    `${paint(style, sign)} ${paint('bold', safe(place, 300))} ${change}`,
    ...(weakened === undefined
      ? []
      : [paragraph(`${paint(['bold', 'red'], 'WEAKENED')}: ${safe(weakened)}`, '    ')]),
    ...(before === undefined ? [] : [paragraph(`was ${text(before)}`, '        ', '    ')]),
    ...(after === undefined ? [] : [paragraph(`is  ${text(after)}`, '        ', '    ')]),
  ];
}

function text(value: Json): string {
  return safe(typeof value === 'string' ? value : JSON.stringify(value), 600);
}
