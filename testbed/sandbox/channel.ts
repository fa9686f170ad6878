import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { renderHtml, renderMessage, type SlackTestbed } from '../slack.ts';

const everyMs = 500;

/**
 * Shows what is posted to a channel, until the signal: the text of each message once, when it is posted, and as a page that keeps up with its edits.
 * @param dir where the pages are written: `1.html` is the first message
 */
export async function showChannel(options: {
  slack: SlackTestbed;
  channel: string;
  dir: string;
  show: (text: string, page: string) => void;
  signal: AbortSignal;
}): Promise<void> {
  const { slack, channel, dir, show, signal } = options;
  await mkdir(dir);
  const pages = new Map<string, { page: string; html: string }>();
  while (!signal.aborted) {
    for (const message of await slack.messages(channel)) {
      const html = renderHtml(message);
      const known = pages.get(message.ts);
      if (known?.html === html) continue;
      const page = known?.page ?? join(dir, `${pages.size + 1}.html`);
      await writeFile(page, html);
      pages.set(message.ts, { page, html });
      if (known === undefined) show(renderMessage(message), page);
    }
    await sleep(everyMs);
  }
}
