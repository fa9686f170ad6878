import type { Plan } from '../../domain/action.ts';

/** A plan in a few lines, for a message. */
export function brief(plan: Plan): string[] {
  const shown = plan.changes.slice(0, 10).map(({ summary }) => summary);
  const rest = plan.changeCount - shown.length;
  return [
    ...shown,
    ...(rest > 0 ? [`and ${rest} more changes`] : []),
    ...plan.notCovered.map(({ text }) => `Not covered: ${text}`),
  ];
}
