import type { JsonObject } from '../../../domain/json.ts';
import type { Template } from '../../run/playbook.ts';
import { anywhere, type SecretRule } from '../expressions.ts';
import type { Path } from '../problem.ts';
import type { View } from '../scope-shape.ts';
import type { Session } from '../session.ts';
import type { Shape } from '../value-shape.ts';
import type { CompiledList } from './made.ts';

/** Values by name, each a template. A secret may be passed on by itself, and its name is then that of a secret. */
export function compileValues(
  session: Session,
  values: JsonObject | undefined,
  path: Path,
  view: View,
  secrets: SecretRule = anywhere,
): { templates: { [name: string]: Template }; shapes: { [name: string]: Shape } } {
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
  return { ...view, steps: new Map([...view.steps, ...lists.flatMap(({ seen }) => [...seen])]) };
}
