import type { Problem } from '../../language/compile/problem.ts';
import type { Linted } from '../lint.ts';
import { paint, safe } from '../output.ts';

/** `file:line:column: error FB2040 steps[0].with: what` and its fix, as editors and CI understand it; then how many. */
export function renderLint({ files, problems }: Linted): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const counts = `${plural(files, 'playbook')}: ${plural(errors, 'error')}, ${plural(problems.length - errors, 'warning')}`;
  return [...problems.map(renderProblem), paint(errors > 0 ? 'red' : 'green', counts)].join('\n');
}

function renderProblem({ file, line, column, severity, code, field, message, fix }: Problem): string {
  const kind = paint(severity === 'error' ? 'red' : 'yellow', severity);
  const where = field === '' ? '' : ` ${safe(field, 200)}`;
  return `${safe(file, 500)}:${line}:${column}: ${kind} ${code}${where}: ${safe(message)}\n    fix: ${safe(fix)}`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
