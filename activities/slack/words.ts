import { oneLine } from '../../domain/safe-text.ts';

const marks: { [severity: string]: string } = {
  critical: '🔴 CRITICAL',
  high: '🟠 HIGH',
  medium: '🟡 MEDIUM',
  low: '🔵 LOW',
  info: '⚪ INFO',
};

/** A severity in a word and a colour: a word for who cannot tell the colours. */
export function severityMark(severity: string): string {
  return marks[severity] ?? `⚪ ${oneLine(severity, 20).toUpperCase()}`;
}

/** `Alice, Bob and 3 more`. Empty for nobody. */
export function names(all: readonly string[], most: number, max: number): string {
  const shown = all.slice(0, most).map((name) => oneLine(name, max));
  const left = all.length - shown.length;
  return left > 0 ? `${shown.join(', ')} and ${left} more` : shown.join(', ');
}
