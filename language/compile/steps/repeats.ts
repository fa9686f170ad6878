import type { Path } from '../problem.ts';
import type { View } from '../scope-shape.ts';
import type { Session } from '../session.ts';

/** How often the innermost of nested loops may go round, for each time that its playbook runs. */
const maxRepeats = 10_000;

/** The view of what is run `times` times in a place; reported when that is too often. */
export function repeated(session: Session, view: View, times: number, path: Path): View {
  const repeats = view.repeats * times;
  if (repeats > maxRepeats && view.repeats <= maxRepeats)
    session.findings.push({
      code: 'FB2015',
      path,
      message: `the loops around each other go round up to ${repeats} times, more than ${maxRepeats}`,
      fix: `lower max-items and max-rounds, until their product is at most ${maxRepeats}`,
    });
  session.repeats = Math.max(session.repeats, repeats);
  return { ...view, repeats };
}
