import { parser } from '@prometheus-io/lezer-promql';
import type { SyntaxNode } from '@lezer/common';

/**
 * When what a query selects counts as fresh: selectors whose newest sample must be young, joined as the query joins them. `any` is what `or` makes:
 * whoever writes `errors or vector(0)` says what stands in for errors that were never counted.
 */
export type Freshness = { selector: string } | { all: Freshness[] } | { any: Freshness[] } | { always: true };

export interface Prepared {
  /** As it is asked. */
  query: string;
  freshness: Freshness;
  /** Each once. */
  selectors: string[];
}

/** Selectors of one query, at most: each is asked for by itself. */
const mostSelectors = 10;

/**
 * A query with its window put in, read by Prometheus' own grammar.
 * @returns why it cannot be asked, to be read after the field's name, in place of it
 */
export function prepare(text: string, window: string): Prepared | { why: string } {
  const query = text.replaceAll('$window', window);
  const tree = parser.parse(query);
  let fault: number | undefined;
  tree.iterate({
    enter(node) {
      if (node.type.isError) fault ??= node.from;
    },
  });
  if (fault !== undefined) {
    const near = query.slice(Math.max(0, fault - 10), fault + 20);
    return { why: `is no PromQL at character ${fault + 1}, near ${JSON.stringify(near)}` };
  }
  const freshness = freshnessOf(tree.topNode, query);
  const selectors = [...new Set(selectorsOf(freshness))];
  if (selectors.length === 0)
    return { why: 'selects no metric whose samples must be fresh: it would say the same whatever happens' };
  if (selectors.length > mostSelectors)
    return { why: `has ${selectors.length} selectors; at most ${mostSelectors}` };
  return { query, freshness, selectors };
}

function freshnessOf(node: SyntaxNode, query: string): Freshness {
  if (node.name === 'VectorSelector') return { selector: query.slice(node.from, node.to) };
  // That there is nothing is what these measure.
  if (node.name === 'FunctionCall' && isAbsence(node)) return { always: true };
  const parts = children(node);
  if (node.name === 'BinaryExpr') {
    const [left, right] = [parts[0], parts.at(-1)];
    if (left !== undefined && right !== undefined) {
      if (node.getChild('Or') !== null)
        return joined('any', [freshnessOf(left, query), freshnessOf(right, query)]);
      // The right side only takes away: it may be empty.
      if (node.getChild('Unless') !== null) return freshnessOf(left, query);
    }
  }
  return joined(
    'all',
    parts.map((part) => freshnessOf(part, query)).filter((part) => !('always' in part)),
  );
}

function isAbsence(call: SyntaxNode): boolean {
  const name = call.getChild('FunctionIdentifier')?.firstChild?.name ?? '';
  return name === 'Absent' || name === 'AbsentOverTime';
}

function joined(how: 'all' | 'any', parts: Freshness[]): Freshness {
  const [only, ...more] = parts;
  if (only === undefined) return { always: true };
  if (more.length === 0) return only;
  return how === 'all' ? { all: parts } : { any: parts };
}

function children(node: SyntaxNode): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling)
    if (child.name !== 'LineComment') found.push(child);
  return found;
}

function selectorsOf(freshness: Freshness): string[] {
  if ('selector' in freshness) return [freshness.selector];
  if ('always' in freshness) return [];
  return ('all' in freshness ? freshness.all : freshness.any).flatMap(selectorsOf);
}

/** Whether there is anything that must be fresh: not in `errors or vector(0)`, which yields a number whatever happens. */
export function mustBeFresh(freshness: Freshness): boolean {
  return notFresh(freshness, () => false).length > 0;
}

/** What is wanting in a query's freshness; empty when it is fresh. `isFresh` says it of a selector. */
export function notFresh(freshness: Freshness, isFresh: (selector: string) => boolean): string[] {
  if ('always' in freshness) return [];
  if ('selector' in freshness) return isFresh(freshness.selector) ? [] : [freshness.selector];
  if ('all' in freshness) return freshness.all.flatMap((part) => notFresh(part, isFresh));
  const wanting = freshness.any.map((part) => notFresh(part, isFresh));
  return wanting.some((part) => part.length === 0) ? [] : wanting.flat();
}
