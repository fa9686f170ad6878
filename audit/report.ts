import { oneLine } from '../domain/safe-text.ts';
import type { Report } from './verify.ts';

/** A report for a terminal. */
export function renderReport({ ok, findings, count, facts }: Report): string {
  const lines: string[] = [];
  for (const { code, title, file, at, detail, expected, found } of findings) {
    lines.push(
      `${code} ${title}`,
      `  ${oneLine([file, at].filter(Boolean).join(', '), 200)}: ${oneLine(detail, 700)}`,
    );
    if (expected !== undefined) lines.push(`  expected ${oneLine(expected, 400)}`);
    if (found !== undefined) lines.push(`  found    ${oneLine(found, 400)}`);
  }
  if (count > findings.length) lines.push(`… and ${count - findings.length} more`);
  if (lines.length > 0) lines.push('');
  const what = oneLine(facts.incident, 100) || 'this bundle';
  lines.push(
    ok
      ? `Verified: ${what}, ${facts.entries} ledger entries, all recomputed from the history; ${facts.artefacts} artefacts, ${facts.accessLines} access log lines.`
      : `NOT verified: ${what} has ${count} ${count === 1 ? 'finding' : 'findings'}.`,
    `Trusted key ${facts.key}; outcome ${oneLine(facts.outcome, 40) || 'unknown'}; exported ${oneLine(facts.exportedAt, 40) || 'unknown'}.`,
    `Workflow bundle that ran: ${oneLine(facts.workflowBundle, 80) || 'unknown'}.`,
    '',
  );
  return lines.join('\n');
}
