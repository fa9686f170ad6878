import { FirebreakError } from '../domain/errors.ts';
import type { AccessEntry } from '../domain/access-log.ts';
import type { Digest, Json } from '../domain/json.ts';
import type { LedgerEntry } from '../domain/ledger.ts';
import type { State } from '../stores/index.ts';
import {
  artefactName,
  historyName,
  historySealName,
  names,
  runOf,
  type AccessLine,
} from './bundle/layout.ts';
import { bundleReadme } from './bundle/readme.ts';
import { jsonFile, writeBundle, type BundleWriter } from './bundle/write.ts';
import { quote } from './findings.ts';
import { references } from './verify/evidence.ts';
import { eventsOf, eventTypes, object, payloadsOf, text } from './history.ts';

/** What an export needs of the state directory. */
export type ExportState = Pick<
  State,
  'ledger' | 'evidence' | 'accessLog' | 'seals' | 'exports' | 'ledgerSigner'
>;

export interface Exported {
  incident: string;
  dir: string;
  entries: number;
  runs: string[];
  artefacts: number;
  /** What could not be put into the bundle. `verify` will name it too. */
  warnings: string[];
}

/**
 * Writes the bundle of a closed incident from the stores alone: Temporal is not asked.
 * @throws FirebreakError FB5003 still open, FB5004 unknown, FB5005 the directory is in use, FB5006 its history was not exported yet
 */
export async function exportIncident(options: {
  state: ExportState;
  incident: string;
  outDir: string;
  now?: () => Date;
}): Promise<Exported> {
  const { state, incident, outDir, now = () => new Date() } = options;
  const entries = await ledgerOf(state, incident);
  const { runs, started } = await runsOf(state, incident);
  const bundle = await writeBundle(outDir);
  try {
    await bundle.add(names.ledger, entries.map((entry) => jsonFile(entry)).join(''));
    for (const run of runs) {
      for (const name of [historyName(run), historySealName(run)]) {
        await bundle.add(name, (await state.exports.get(`${incident}/${name}`)) ?? '');
      }
    }
    const warnings: string[] = [];
    const seal = await state.seals.get(`${incident}.json`);
    if (seal === undefined) {
      warnings.push('the ledger was never sealed: the workflow was stopped before its end');
    } else {
      await bundle.add(names.seal, `${Buffer.from(seal).toString('utf8').trimEnd()}\n`);
    }
    await bundle.add(names.playbook, jsonFile(object(payloadsOf(started)[0])['playbook'] ?? {}));
    const lines = (await state.accessLog.read()).map((line) => jsonFile(withhold(line, incident)));
    await bundle.add(names.accessLog, lines.join(''));
    const artefacts = await addEvidence(state, incident, entries, bundle, warnings);
    await bundle.add(names.readme, bundleReadme(incident, state.ledgerSigner.publicKey.id));
    await bundle.finish(incident, now().toISOString(), state.ledgerSigner);
    return { incident, dir: outDir, entries: entries.length, runs, artefacts, warnings };
  } catch (error) {
    await bundle.discard();
    throw error;
  }
}

/** An export in words. */
export function renderExported({ incident, dir, entries, runs, artefacts, warnings }: Exported): string {
  return [
    `Exported ${incident} to ${dir}: ${entries} ledger entries, ${runs.length === 1 ? 'one history' : `${runs.length} histories, one for each run`}, ${artefacts} artefacts.`,
    ...warnings.map((warning) => `Warning: ${warning}`),
    '',
  ].join('\n');
}

async function ledgerOf(state: ExportState, incident: string): Promise<LedgerEntry[]> {
  const known = await state.ledger.incidents();
  if (known.includes(incident)) return state.ledger.read(incident);
  throw new FirebreakError(
    'FB5004',
    `there is no incident ${quote(incident, 80)}: \`firebreak incident list\` shows all`,
  );
}

/** The exported runs from the first to the last, and the input of the first. */
async function runsOf(state: ExportState, incident: string) {
  const stored = await state.exports.list(incident);
  const links: Link[] = [];
  for (const run of stored.flatMap((name) => runOf(name) ?? [])) {
    if (!stored.includes(historySealName(run))) continue;
    const bytes = (await state.exports.get(`${incident}/${historyName(run)}`)) ?? Buffer.from('null');
    const events = eventsOf(JSON.parse(Buffer.from(bytes).toString('utf8')));
    const { continuedExecutionRunId, input } = events[0]?.attributes ?? {};
    const isContinued = events.at(-1)?.type === eventTypes.continuedAsNew;
    links.push({ run, continues: text(continuedExecutionRunId), input, isContinued });
  }
  const chain = whole(links);
  if (chain !== undefined) return { runs: chain.map(({ run }) => run), started: chain[0]?.input };
  const sealed = (await state.seals.get(`${incident}.json`)) !== undefined;
  throw sealed
    ? new FirebreakError(
        'FB5006',
        `the history of ${incident} is not exported yet: start Firebreak, which does so within a minute, and try again`,
      )
    : new FirebreakError('FB5003', `incident ${incident} is still open: only a closed one can be proved`);
}

/** One exported run, and how it hangs together with others. */
interface Link {
  run: string;
  /** The run before; empty for the first. */
  continues: string;
  input: Json | undefined;
  isContinued: boolean;
}

/** The runs in order, when none is missing between the first and one that ended. */
function whole(links: readonly Link[]): Link[] | undefined {
  const chain = links.filter(({ continues }) => continues === '');
  for (let last = chain.at(-1); last !== undefined; last = chain.at(-1)) {
    const { run, isContinued } = last;
    if (!isContinued) break;
    const next = links.find(({ continues }) => continues === run);
    if (next === undefined || chain.includes(next)) return undefined;
    chain.push(next);
  }
  return chain.length > 0 && chain.length === links.length ? chain : undefined;
}

function withhold(line: AccessEntry, incident: string): AccessLine {
  if (line.incident === undefined || line.incident === incident) return line;
  const { seq, prev, hash } = line;
  return { withheld: true, seq, prev, hash };
}

async function addEvidence(
  state: ExportState,
  incident: string,
  entries: readonly LedgerEntry[],
  bundle: BundleWriter,
  warnings: string[],
): Promise<number> {
  const records = await state.evidence.index(incident);
  await bundle.add(names.evidence, jsonFile(records));
  const digests = new Set<Digest>(records.map(({ ref }) => ref.digest));
  for (const { data } of entries) for (const { digest } of references(data)) digests.add(digest);
  let count = 0;
  for (const digest of [...digests].toSorted()) {
    try {
      await bundle.add(artefactName(digest), await state.evidence.get({ digest }));
      count++;
    } catch (error) {
      // The rest is worth having: what is missing is named here, and by whoever verifies.
      if (!(error instanceof FirebreakError)) throw error;
      warnings.push(error.message);
    }
  }
  return count;
}
