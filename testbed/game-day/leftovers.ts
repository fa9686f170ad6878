import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Grep } from '../grep.ts';
import type { SlackTestbed } from '../slack.ts';
import type { Recorded } from './histories.ts';

export interface Searched {
  /** How many secrets were looked for. */
  secrets: number;
  /** Which secret is where: empty, or something leaked. Names, never values. */
  found: { place: string; secret: string }[];
  /** Places that do not even have what must be there, the ids of the incidents: the search saw nothing there. */
  blind: string[];
}

/** What every answer of an action that did something has: an answer that could not be read has it not. */
const mark = '"outputs":';

/**
 * Looks for secrets in all that incidents leave behind: Temporal's histories, each payload decoded, heartbeats, and its database as it is; the state
 * directory (ledger, evidence and its index, access log), configuration, the log, and what Slack was sent.
 * @param dir of one Firebreak; @param vault where secrets belong, left out; @param url the gateway's, which the log names
 */
export async function searchLeftovers(options: {
  dir: string;
  url: string;
  vault: string;
  slack: { messages(channel: string): Promise<object[]> } & Pick<SlackTestbed, 'ephemeral' | 'calls'>;
  channel: string;
  recorded: Recorded;
  secrets: { [name: string]: string };
  incidents: readonly string[];
}): Promise<Searched> {
  const { dir, url, vault, slack, channel, recorded, secrets, incidents } = options;
  const state = join(dir, 'state');
  const inState = await filesUnder(state);
  const said = [await slack.messages(channel), slack.ephemeral(), slack.calls()];
  const places: { [place: string]: string } = {
    'activity results': recorded.results,
    'other payloads': recorded.others,
    heartbeats: recorded.heartbeats,
    database: await textOf(await filesUnder(dir, (path) => path.startsWith('temporal.db'))),
    ledger: await textOf(inState.filter((file) => relative(state, file).startsWith('ledger'))),
    evidence: await textOf(inState.filter((file) => relative(state, file).startsWith('evidence'))),
    log: await textOf(await filesUnder(dir, (path) => path === 'firebreak.log')),
    'Slack messages': JSON.stringify(said),
    'everything else': await textOf(
      await filesUnder(
        dir,
        (path) =>
          !/^(temporal\.db|firebreak\.log|state\/(ledger|evidence|keys))/.test(path) &&
          !join(dir, path).startsWith(vault),
      ),
    ),
  };
  const grep = new Grep(secrets);
  const marks: { [place: string]: readonly string[] } = {
    log: [url],
    'activity results': [mark],
    // Activities that end at once say nothing that can be read.
    heartbeats: [],
  };
  const isThere = (place: string, text: string): boolean =>
    (marks[place] ?? incidents).every((each) => text.includes(each));
  return {
    secrets: Object.keys(secrets).length,
    found: Object.entries(places).flatMap(([place, text]) =>
      grep.in(text).map((secret) => ({ place, secret })),
    ),
    blind: Object.entries(places)
      .filter(([place, text]) => !isThere(place, text))
      .map(([place]) => place),
  };
}

async function filesUnder(dir: string, wanted: (path: string) => boolean = () => true): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => wanted(relative(dir, path)));
}

/** Names and bytes as they are: a database is no text. */
async function textOf(files: readonly string[]): Promise<string> {
  return (await Promise.all(files.map(async (file) => `${file}\n${await readFile(file, 'latin1')}`))).join(
    '\n',
  );
}
