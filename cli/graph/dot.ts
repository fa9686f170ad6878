import type { Graph, GraphBlock, GraphEdge, GraphNode } from './model.ts';
import { colours, label } from './style.ts';

/** The graph in Graphviz' language; every text of the playbook is a quoted string. */
export function dot({ title, root, edges }: Graph): string {
  return [
    'digraph playbook {',
    `  graph [label=${quoted([title])}, labelloc=t, fontname="Helvetica", rankdir=TB, nodesep=0.4, ranksep=0.4]`,
    '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11, margin="0.15,0.08"]',
    '  edge [color="#5b6b7f", fontname="Helvetica", fontsize=10]',
    ...inside(root, '  '),
    ...edges.map(edge),
    '}',
    '',
  ].join('\n');
}

/** The picture itself. */
export async function svg(graph: Graph): Promise<string> {
  const { instance } = await import('@viz-js/viz');
  const viz = await instance();
  return viz.renderString(dot(graph), { format: 'svg', engine: 'dot' });
}

function inside(block: GraphBlock, indent: string): string[] {
  return [
    ...block.nodes.map((node) => `${indent}${shape(node)}`),
    ...block.blocks.flatMap((inner) => [
      `${indent}subgraph cluster_${inner.id} {`,
      `${indent}  graph [label=${quoted([inner.title])}, labeljust=l, style="rounded", color="#5b6b7f", fontsize=11]`,
      ...inside(inner, `${indent}  `),
      `${indent}}`,
    ]),
  ];
}

function shape({ id, lines, style }: GraphNode): string {
  const [fill, border] = colours[style];
  const outline = style === 'question' ? ', shape=hexagon, style="filled"' : '';
  return `${id} [label=${quoted(lines)}, fillcolor="${fill}", color="${border}"${outline}]`;
}

function edge({ from, to, kind }: GraphEdge): string {
  const attributes = {
    needs: '',
    inside: ' [style=dashed]',
    'on-failure': ' [style=dashed, color="#b3261e", label="on failure"]',
  }[kind];
  return `  ${from} -> ${to}${attributes}`;
}

/** Graphviz reads backslashes as escapes and `&…;` as entities, also in a quoted string. */
function quoted(lines: readonly string[]): string {
  const text = lines.map((line) =>
    label(line).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('&', '&amp;'),
  );
  return `"${text.join('\\n')}"`;
}
