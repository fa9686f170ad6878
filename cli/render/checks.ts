import type { Check } from '../checks/check.ts';
import { paint, paragraph, safe } from '../output.ts';

const marks = {
  ok: () => paint('green', '✓'),
  warning: () => paint('yellow', '!'),
  failed: () => paint('red', '✗'),
  skipped: () => paint('dim', '-'),
};

/** A line for each check: what was looked at, what was found, and what to do. */
export function renderChecks(checks: readonly Check[]): string {
  const count = (state: Check['state']) => checks.filter((check) => check.state === state).length;
  const lines = checks.flatMap(({ name, state, detail, fix }) => [
    paragraph(`${marks[state]()} ${paint('bold', safe(name, 300))}: ${safe(detail, 600)}`, '  ', ''),
    ...(fix === undefined ? [] : [paragraph(`fix: ${safe(fix)}`, '    ')]),
  ]);
  return [...lines, '', `${count('ok')} ok, ${count('warning')} warnings, ${count('failed')} failed`].join(
    '\n',
  );
}
