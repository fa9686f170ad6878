import type { Limit } from '../../domain/action.ts';
import { paint, paragraph, safe } from '../output.ts';

/** What a containment does not cover, a point each; empty when there is nothing. */
export function limits(found: readonly Pick<Limit, 'text' | 'objects' | 'count'>[], indent = ''): string[] {
  if (found.length === 0) return [];
  const lines = found.map(({ text, objects, count }) => {
    const named = (objects ?? []).slice(0, 5).map((object) => safe(object, 80));
    const rest = (count ?? objects?.length ?? 0) - named.length;
    const which = named.length === 0 ? '' : ` (${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''})`;
    return paragraph(`${safe(text)}${which}`, `${indent}  `, `${indent}- `);
  });
  return [`${indent}${paint('yellow', 'Not covered:')}`, ...lines];
}
