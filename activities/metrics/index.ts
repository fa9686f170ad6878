import type { Action } from '../../domain/action.ts';
import { sloCheck } from './slo-check.ts';
import type { MetricsRegistry } from './sources.ts';

/** Every action on metrics. A new one is a file and a line here. Whoever calls one parses its input by its own schema first. */
export function metricsActions(options: { metrics: MetricsRegistry }): Action[] {
  return [sloCheck(options)];
}
