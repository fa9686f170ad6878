import { paint, safe } from '../output.ts';
import type { Difference } from '../scenario/compare.ts';
import type { ScenarioProblem } from '../scenario/read.ts';
import type { ScenarioResult, Tested } from '../scenario/suite.ts';

/** Each playbook with its scenarios; what differs as a diff, `-` expected and `+` got; then how many. */
export function renderTested({ passed, failed, playbooks }: Tested): string {
  const counts = `${passed} passed, ${failed} failed`;
  return [
    ...playbooks.flatMap(({ playbook, file, scenarios }) => [
      `${paint('bold', safe(playbook, 64))}  ${safe(file, 500)}`,
      ...(scenarios.length === 0
        ? [paint('yellow', '  no scenario: add scenarios/first.yaml beside it')]
        : []),
      ...scenarios.flatMap(renderScenario),
    ]),
    paint(failed > 0 ? 'red' : 'green', counts),
  ].join('\n');
}

function renderScenario({ file, name, ok, problems, differences, got }: ScenarioResult): string[] {
  if (ok)
    return [`  ${paint('green', '✓')} ${safe(name, 200)} ${paint('dim', `(${span(got?.virtualMs ?? 0)})`)}`];
  return [
    `  ${paint('red', '✗')} ${safe(name, 200)}`,
    `    ${safe(file, 500)}`,
    ...problems.map(renderProblem),
    ...differences.flatMap(renderDifference),
  ];
}

function renderProblem({ file, line, column, code, field, message, fix }: ScenarioProblem): string {
  const where = field === '' ? '' : ` ${safe(field, 200)}`;
  return `    ${safe(file, 500)}:${line}:${column}: ${paint('red', 'error')} ${code}${where}: ${safe(message, 1_000)}\n        fix: ${safe(fix, 1_000)}`;
}

/** Lines of context around a difference. */
const context = 2;

function renderDifference({ of, lines }: Difference): string[] {
  const isNear = (index: number): boolean =>
    lines.slice(Math.max(0, index - context), index + context + 1).some(({ sign }) => sign !== ' ');
  const shown = lines.flatMap(({ sign, text }, index) => {
    if (!isNear(index)) return [];
    const line = `      ${sign} ${safe(text, 300)}`;
    return sign === ' ' ? line : paint(sign === '-' ? 'red' : 'green', line);
  });
  return [`    ${of} (- expected, + got):`, ...shown];
}

/** The scenario's own time. */
function span(ms: number): string {
  if (ms >= 7_200_000) return `${Math.round(ms / 360_000) / 10} h of its own time`;
  if (ms >= 120_000) return `${Math.round(ms / 6_000) / 10} min of its own time`;
  return `${Math.round(ms / 1_000)} s of its own time`;
}
