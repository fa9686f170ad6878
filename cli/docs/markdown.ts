import { oneLine } from '../../domain/safe-text.ts';

/** Text of a playbook as one line of Markdown that means nothing but itself. */
export function plain(text: string): string {
  return oneLine(text, 2_000)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[\\`*_{}[\]()#+!|~:@$-]/g, (sign) => (/[-:()@$+!#{}]/.test(sign) ? sign : `\\${sign}`))
    .replaceAll(/(https?|ftp|www)(?=[:.])/gi, '$1&#8203;')
    .replace(/^([-+#]|\d+(?=[.)]))/, '\\$1');
}

/** As `plain`, in a code span that no backtick in it can end. */
export function code(text: string): string {
  const line = oneLine(text, 2_000).replaceAll('|', '\\|');
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  return longest === 0 ? `\`${line}\`` : `${fence} ${line} ${fence}`;
}

/** A table; its cells are Markdown already. Nothing when it has no rows. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  return [
    `| ${headings.join(' | ')} |`,
    `|${headings.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
    '',
  ];
}
