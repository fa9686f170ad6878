import { effects, type Effect } from '../../domain/action.ts';
import {
  blocksOf,
  topBlocks,
  walkSteps,
  type ChildPlaybook,
  type Playbook,
  type Step,
} from '../../language/run/playbook.ts';
import { approvalText, durationText, stepText } from '../playbook-text.ts';

/** More steps than these are no picture any more: children are then named, and not opened. */
const maxOpen = 500;

/** What a node is drawn as. An action is drawn by its effect. */
export type NodeStyle = Effect | 'question' | 'control' | 'bad' | 'good';

export interface GraphNode {
  /** `n0`, `n1` …: unique in the graph, safe in any notation. */
  id: string;
  /** Text from the playbook, unescaped; the first line is the step's id. */
  lines: string[];
  style: NodeStyle;
}

/** A block of steps, drawn as a box. */
export interface GraphBlock {
  id: string;
  title: string;
  nodes: GraphNode[];
  blocks: GraphBlock[];
}

export interface GraphEdge {
  from: string;
  to: string;
  /** `needs`: waits for it; `inside`: from a step to what it runs; `on-failure`: only once it ended badly. */
  kind: 'needs' | 'inside' | 'on-failure';
}

/** A playbook as boxes and arrows. */
export interface Graph {
  title: string;
  root: GraphBlock;
  edges: GraphEdge[];
}

/** The graph of a resolved playbook: nested blocks as boxes, in the order of the text. */
export function graphOf(playbook: Playbook): Graph {
  const builder = new Builder(playbook, isSmall(playbook));
  const root: GraphBlock = { id: builder.next('b'), title: '', nodes: [], blocks: [] };
  builder.top(playbook, root);
  return { title: `${playbook.id} ${playbook.name}`, root, edges: builder.edges };
}

function isSmall(playbook: Playbook): boolean {
  let count = 0;
  for (const { path } of walkSteps(playbook)) if (path !== '' && ++count > maxOpen) return false;
  return true;
}

class Builder {
  readonly edges: GraphEdge[] = [];
  readonly #playbook: Playbook;
  readonly #opensChildren: boolean;
  #count = 0;

  constructor(playbook: Playbook, opensChildren: boolean) {
    this.#playbook = playbook;
    this.#opensChildren = opensChildren;
  }

  next(prefix: 'n' | 'b'): string {
    return `${prefix}${this.#count++}`;
  }

  /** The lists of a playbook; answers the nodes that begin it. */
  top(playbook: ChildPlaybook, into: GraphBlock): string[] {
    const [steps, ...later] = topBlocks(playbook);
    const begin = this.#list(steps?.steps ?? [], into);
    for (const { name, steps: inner } of later) if (inner.length > 0) this.#block(name, inner, into);
    return begin;
  }

  #block(title: string, steps: readonly Step[], around: GraphBlock): string[] {
    const block: GraphBlock = { id: this.next('b'), title, nodes: [], blocks: [] };
    around.blocks.push(block);
    return this.#list(steps, block);
  }

  #list(steps: readonly Step[], into: GraphBlock): string[] {
    const nodes = new Map(steps.map((step) => [step.id, this.#step(step, into)]));
    for (const { id, needs } of steps)
      for (const need of needs) this.#edge(nodes.get(need), nodes.get(id), 'needs');
    return steps.flatMap(({ id, needs }) => (needs.length === 0 ? (nodes.get(id) ?? []) : []));
  }

  #step(step: Step, into: GraphBlock): string {
    const child = step.kind === 'playbook' ? this.#playbook.children?.[step.playbook] : undefined;
    const inner = blocksOf(step).filter(({ name, steps }) => name !== 'on-failure' && steps.length > 0);
    const opened = child !== undefined && this.#opensChildren ? child : undefined;
    const node: GraphNode = {
      id: this.next('n'),
      lines: [step.id, stepText(step), ...this.#marks(step)],
      style: this.#style(step),
    };
    if (inner.length === 0 && opened === undefined) into.nodes.push(node);
    else {
      const box: GraphBlock = { id: this.next('b'), title: step.id, nodes: [node], blocks: [] };
      into.blocks.push(box);
      const begin =
        opened === undefined
          ? inner.flatMap(({ name, steps }) => this.#block(name, steps, box))
          : this.top(opened, this.#childBlock(opened, box));
      for (const first of begin) this.#edge(node.id, first, 'inside');
    }
    if (step.onFailure !== undefined)
      for (const first of this.#block(`${step.id}: on-failure`, step.onFailure, into))
        this.#edge(node.id, first, 'on-failure');
    return node.id;
  }

  #childBlock({ id, name }: ChildPlaybook, around: GraphBlock): GraphBlock {
    const block: GraphBlock = { id: this.next('b'), title: `${id} ${name}`, nodes: [], blocks: [] };
    around.blocks.push(block);
    return block;
  }

  #edge(from: string | undefined, to: string | undefined, kind: GraphEdge['kind']): void {
    if (from !== undefined && to !== undefined) this.edges.push({ from, to, kind });
  }

  #style(step: Step): NodeStyle {
    if (step.kind === 'action') return this.#effect(step.uses) ?? 'control';
    if (step.kind === 'approve' || step.kind === 'ask') return 'question';
    if (step.kind === 'fail') return 'bad';
    return step.kind === 'end' ? 'good' : 'control';
  }

  #marks(step: Step): string[] {
    const effect = step.kind === 'action' ? this.#effect(step.uses) : undefined;
    const holds = step.kind === 'action' && this.#playbook.actions[step.uses]?.holds === true;
    return [
      ...(step.if === undefined ? [] : [`if ${step.if.cel}`]),
      ...(effect === undefined ? [] : [holds ? `${effect}, held` : effect]),
      ...(step.kind === 'action' && step.hold !== undefined ? [`hold ${durationText(step.hold.forMs)}`] : []),
      ...('approve' in step && step.approve !== undefined ? [`approval: ${approvalText(step.approve)}`] : []),
      ...('phase' in step && step.phase !== undefined ? [`in phase ${step.phase.id}`] : []),
      ...(step.kind === 'ask' ? [`from ${step.from.join(', ')} within ${durationText(step.withinMs)}`] : []),
      ...(step.kind === 'action' && step.undo === 'on-failure' ? ['undone on failure'] : []),
      ...(step.kind === 'action' && step.undo === 'ask' ? ['asked on failure whether to undo it'] : []),
      ...(step.timeoutMs === undefined ? [] : [`timeout ${durationText(step.timeoutMs)}`]),
      ...(step.retry === undefined ? [] : [`up to ${step.retry.attempts} attempts`]),
      ...(step.continueOnError === true ? ['goes on when it fails'] : []),
    ];
  }

  #effect(action: string): Effect | undefined {
    const signature = Object.hasOwn(this.#playbook.actions, action)
      ? this.#playbook.actions[action]
      : undefined;
    return effects.find((effect) => effect === signature?.effect);
  }
}
