import type { JsonObject } from '../../../domain/json.ts';
import type { Template } from '../../run/playbook.ts';
import { anywhere, type SecretRule } from '../expressions.ts';
import type { Path } from '../problem.ts';
import type { View } from '../scope-shape.ts';
import type { Session } from '../session.ts';
import type { SourceStep } from '../source/step.ts';
import { fields, type Shape } from '../value-shape.ts';
import type { CompiledList, Made } from './made.ts';

interface Compiled {
  templates: { [name: string]: Template };
  shapes: { [name: string]: Shape };
}

/** Values by name, each a template. A secret may be passed on by itself, and its name is then that of a secret. */
export function compileValues(
  session: Session,
  values: JsonObject | undefined,
  path: Path,
  view: View,
  secrets: SecretRule = anywhere,
): Compiled {
  const made = Object.entries(values ?? {}).map(
    ([name, value]) => [name, session.expressions.template(value, [...path, name], view, secrets)] as const,
  );
  return {
    templates: Object.fromEntries(made.map(([name, { template }]) => [name, template])),
    shapes: Object.fromEntries(made.map(([name, { shape }]) => [name, shape])),
  };
}

/** What the outputs of a step see: what it sees, and the steps inside it. */
export function inside(view: View, ...lists: readonly CompiledList[]): View {
  return { ...view, steps: new Map([...view.steps, ...seenIn(lists)]) };
}

/** The outputs of a step that has lists inside it. */
export function compileOutputs(
  session: Session,
  step: Pick<SourceStep, 'outputs'>,
  path: Path,
  view: View,
  lists: readonly CompiledList[],
): Compiled {
  return compileValues(session, step.outputs, [...path, 'outputs'], inside(view, ...lists));
}

/** What a step makes of lists that run once at most: the steps after it see those inside. */
export function madeOfLists(
  session: Session,
  step: Pick<SourceStep, 'outputs'>,
  path: Path,
  view: View,
  lists: readonly CompiledList[],
): Pick<Made, 'inner' | 'irreversible' | 'outputs'> & Pick<Compiled, 'templates'> {
  const { templates, shapes } = compileOutputs(session, step, path, view, lists);
  return {
    templates,
    outputs: fields(shapes),
    inner: new Map(seenIn(lists)),
    irreversible: lists.find(({ irreversible }) => irreversible !== undefined)?.irreversible,
  };
}

function seenIn(lists: readonly CompiledList[]): [string, Shape][] {
  return lists.flatMap(({ seen }) => [...seen]);
}
