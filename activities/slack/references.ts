import { oneLine } from '../../domain/safe-text.ts';
import type { GateNotice } from '../../workflows/contract.ts';
import { link, paragraph, rich, say, strong, type Blocks } from './blocks.ts';

const most = { links: 3, url: 300 };

/** Who answers for a playbook, the runbook it encodes, and what to read; nothing when it says none of these. */
export function references({ owner, runbook, references: all = [] }: GateNotice['playbook']): Blocks {
  const links = all.flatMap(({ title, url }) => {
    const href = secure(url);
    return href === undefined ? [] : [link(href, oneLine(title, 60) || oneLine(href, 60))];
  });
  const shown = links.slice(0, most.links);
  const left = all.length - shown.length;
  const known = [
    ...(owner === undefined ? [] : [paragraph(strong('Owner: '), say(oneLine(owner, 50)))]),
    ...(runbook === undefined ? [] : [paragraph(strong('Runbook: '), say(oneLine(runbook, 50)))]),
    ...shown.map((one) => paragraph(strong('Read: '), one)),
    ...(left > 0 ? [paragraph(say(`+ ${left} more in the playbook`))] : []),
  ];
  return known.length === 0 ? [] : [rich(...known)];
}

/** An https address in full, as a browser would write it; undefined for any other, and for one too long to show. */
function secure(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, username, password, href } = new URL(url);
  // What stands before an @ reads like the host and is none.
  if (protocol !== 'https:' || username !== '' || password !== '') return undefined;
  return href.length > most.url ? undefined : href;
}
