import type { Scope } from '../run/playbook.ts';
import { fields, type Shape } from './value-shape.ts';

/** What expressions at one place in a playbook can see. */
export interface View {
  /** The step that asks, or whose insides do; undefined at the top of the playbook. */
  step: string | undefined;
  /** Whether the steps inside that step are seen: in its outputs. */
  inside?: true;
  inputs: Shape;
  /** Inputs that may have been left out, as far as is known here. */
  absent: ReadonlySet<string>;
  /** Outputs of the steps that have ended whenever this is evaluated. */
  steps: ReadonlyMap<string, Shape>;
  /** What only some places have: `item`, `round`, `failure` … */
  names: Partial<Record<keyof Scope, Shape>>;
  /** How often the place is evaluated at most, for each time that the playbook runs. */
  repeats: number;
}

/** The Alert of domain/alert.ts. Without an alert (a playbook that somebody ran) these are absent: ask with has(). */
const alert = fields({
  source: 'string',
  id: 'string',
  rule: 'string',
  severity: 'string',
  summary: 'string',
  cluster: 'string',
  namespace: 'string',
  pod: 'string',
  container: 'string',
  image: 'string',
  fields: 'map<string, dyn>',
  detectedAt: 'string',
  receivedAt: 'string',
  owner: 'string',
  raw: fields({ digest: 'string', size: 'int', mediaType: 'string' }),
});

const incident = fields({
  id: 'string',
  title: 'string',
  severity: 'string',
  mode: 'string',
  requester: 'string',
});

/** What a step that failed is told of, in `on-failure`. */
export const failureShape = fields({ step: 'string', status: 'string', why: 'string' });

const known = new WeakMap<View, { [root: string]: Shape }>();

/** The names at the top, with what is below them. */
export function rootsOf(view: View): { [root: string]: Shape } {
  const made = known.get(view);
  if (made !== undefined) return made;
  const steps = Object.fromEntries([...view.steps].map(([id, outputs]) => [id, stepShape(outputs)]));
  const roots = { inputs: view.inputs, alert, incident, steps: fields(steps), ...view.names };
  known.set(view, roots);
  return roots;
}

function stepShape(outputs: Shape): Shape {
  return fields({ status: 'string', verdict: 'string', outputs });
}
