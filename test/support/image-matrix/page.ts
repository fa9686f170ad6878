import { groups } from './all.ts';
import type { CaseGroup, ImageCase, Observed } from './types.ts';

const head = `# Images, judged by cosign and by Firebreak

Each row is an image in a real registry (CNCF Distribution), made anew in each run, and asked about twice: cosign 3.1.3 by \`cosign verify\` and \`cosign verify-attestation\` with the flags that mean what the
[policy](image-policy.md) says, and Firebreak by that policy. \`script/test\` makes a third of each group, \`script/soak images\` all; a row that comes out otherwise fails.

cosign is asked for bundles and for its first format: it accepts what it accepts in either. \`--insecure-ignore-tlog\` is given for a key whose signature is in no log, \`--use-signed-timestamps\` where there is a timestamp,
\`--signature-digest-algorithm\` for P-384 and P-521. Certificates, log entries and timestamps are [of a Sigstore on this machine](testbed.md#sigstore), or forged in memory where no real service would issue them.

Firebreak accepts nothing that cosign refuses. Where it refuses what cosign accepts, the last column says why.
`;

/** The page docs/reference/image-matrix.md. @param observed what was said of each case, by its name */
export function matrixPage(observed: ReadonlyMap<string, Observed>): string {
  const cases = groups.flatMap((group) => group.cases);
  const equal = cases.filter(({ stricter }) => stricter === undefined).length;
  const counts = `${cases.length} images: ${equal} on which both agree, ${cases.length - equal} on which Firebreak is stricter.`;
  return [head, counts, '', ...groups.map((group) => section(group, observed))].join('\n');
}

function section({ title, cases }: CaseGroup, observed: ReadonlyMap<string, Observed>): string {
  const rows = cases.map((one) => row(one, observed.get(one.name)));
  return [
    `## ${title}`,
    '',
    '| image | cosign | Firebreak | why stricter |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

/** @throws when nothing was observed: no row is written that nobody saw */
function row({ name, stricter = '' }: ImageCase, observed: Observed | undefined): string {
  if (observed === undefined) throw new Error(`nothing was observed of "${name}"`);
  const codes = [...new Set(observed.firebreak)];
  const says = codes.includes('accepts')
    ? 'accepts'
    : `refuses: ${codes.map((code) => `\`${code}\``).join(', ')}`;
  return `| ${[name, observed.cosign, says, stricter].map(escaped).join(' | ')} |`;
}

const escaped = (text: string): string =>
  text.replaceAll('|', String.raw`\|`).replaceAll('*', String.raw`\*`);

/** The first three columns of each row of a page. */
export function rowsOf(
  page: string,
): { name: string; cosign: string; firebreak: string; stricter: string }[] {
  return page
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (?:image|---) \|/.test(line))
    .map((line) => {
      const [, name = '', cosign = '', firebreak = '', stricter = ''] = line
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replaceAll(/\\([|*])/g, '$1'));
      return { name, cosign, firebreak, stricter };
    });
}
