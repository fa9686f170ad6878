import type { Graph, GraphBlock, GraphEdge, GraphNode } from './model.ts';
import { colours, label } from './style.ts';

/** A Mermaid flowchart. Nothing of the playbook can be read as syntax or markup: all but plain characters are entity codes. */
export function mermaid({ title, root, edges }: Graph): string {
  return [
    'flowchart TD',
    `  %% ${label(title).replaceAll(/[^\p{L}\p{N} ._-]/gu, '?')}`,
    ...inside(root, '  '),
    ...edges.map(edge),
    ...Object.entries(colours).map(
      ([name, [fill, border]]) => `  classDef ${name} fill:${fill},stroke:${border},color:#000`,
    ),
    '',
  ].join('\n');
}

function inside(block: GraphBlock, indent: string): string[] {
  return [
    ...block.nodes.map((node) => `${indent}${shape(node)}:::${node.style}`),
    ...block.blocks.flatMap((inner) => [
      `${indent}subgraph ${inner.id} ["${escaped(inner.title)}"]`,
      ...inside(inner, `${indent}  `),
      `${indent}end`,
    ]),
  ];
}

function shape({ id, lines, style }: GraphNode): string {
  const text = `"${lines.map(escaped).join('<br/>')}"`;
  return style === 'question' ? `${id}{{${text}}}` : `${id}[${text}]`;
}

function edge({ from, to, kind }: GraphEdge): string {
  const arrow = { needs: '-->', inside: '-.->', 'on-failure': '-. on failure .->' }[kind];
  return `  ${from} ${arrow} ${to}`;
}

/** Letters, digits and a few signs as they are; of the rest, each character by its number, as Mermaid has it. */
function escaped(text: string): string {
  return label(text).replaceAll(
    /[^\p{L}\p{N}\p{M} ,:_\-/]/gu,
    (character) => `#${character.codePointAt(0)};`,
  );
}
