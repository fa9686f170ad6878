import type { Step, StepCommon } from '../../run/playbook.ts';
import type { Path } from '../problem.ts';
import type { View } from '../scope-shape.ts';
import type { Session } from '../session.ts';
import type { SourceStep, SourceSteps } from '../source/step.ts';
import type { Shape } from '../value-shape.ts';

/** A list of steps, compiled. */
export interface CompiledList {
  steps: Step[];
  /** Outputs of its steps, and of those inside them that are seen once they have ended. */
  seen: ReadonlyMap<string, Shape>;
  irreversible: string | undefined;
}

/** Compiles a list of steps. */
export type CompileList = (session: Session, steps: SourceSteps, path: Path, view: View) => CompiledList;

type Own<S> = S extends Step ? Omit<S, keyof StepCommon> : never;

/** What a kind of step makes of its own keys. */
export interface Made {
  body: Own<Step>;
  outputs: Shape;
  /** Outputs of the steps inside it that are seen once it has ended. */
  inner?: ReadonlyMap<string, Shape>;
  /** An action in it that cannot be undone. */
  irreversible?: string | undefined;
}

/** A step that has these keys. */
export type Saying<K extends keyof SourceStep> = SourceStep & { [key in K]: NonNullable<SourceStep[key]> };

/** Compiles the keys of one kind of step. */
export type MakeStep<K extends keyof SourceStep = never> = (
  session: Session,
  step: Saying<K>,
  path: Path,
  view: View,
) => Made;
