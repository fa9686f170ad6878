import { claimed } from './claimed.ts';
import type { LedgerEntry } from '../domain/ledger.ts';
import type { PublicKey } from '../domain/signature.ts';
import type { Person } from '../domain/person.ts';
import type { Playbook } from '../language/run/playbook.ts';
import type { IncidentArguments } from '../workflows/contract.ts';
import { names } from './bundle/layout.ts';
import { readBundle, type Files } from './bundle/read.ts';
import { Findings, quote, type Finding } from './findings.ts';
import { object } from './history.ts';
import { parsePublicKey } from './keys.ts';
import { replayBundle } from './replay/bundle.ts';
import { checkAccessLog } from './verify/access-log.ts';
import { checkCarried } from './verify/carried.ts';
import { checkContainer } from './verify/container.ts';
import { checkCommands } from './verify/commands.ts';
import { checkDecisions } from './verify/decisions.ts';
import { checkEvidence } from './verify/evidence.ts';
import { checkLedger, checkSeal } from './verify/ledger.ts';
import { checkPlaybook } from './verify/playbook.ts';
import { checkReplay } from './verify/replayed.ts';
import { checkRuns, type Run } from './verify/runs.ts';
import { checkUpdates } from './verify/updates.ts';
import { checkOpening, checkWarrants } from './verify/warrants.ts';

/** What the bundle is about and how much of it was checked. Of a bundle with findings, what it claims. */
export interface Facts {
  incident: string;
  exportedAt: string;
  outcome: string;
  /** The key that was trusted. */
  key: string;
  runs: { run: string; workflowId: string; events: number }[];
  entries: number;
  /** Entries that the replay produced again. */
  recomputed: number;
  artefacts: number;
  accessLines: number;
  /** Of these, shown without content because they are about other incidents. */
  accessLinesWithheld: number;
  /** SHA-256 of the workflow bundle that the engine ran, as sealed. */
  workflowBundle: string;
  /** Keys of the gateway whose signatures were believed because the seal names them. */
  gatewayKeys: string[];
}

export interface Report {
  /** True when nothing was found. */
  ok: boolean;
  findings: Finding[];
  /** All findings; more than are listed when there are over a thousand. */
  count: number;
  facts: Facts;
}

/** A report with what later readers of the same bundle need. */
export interface Verified {
  report: Report;
  /** As the workflow produced them again. Only these are shown to people. */
  entries: LedgerEntry[];
  people: Person[];
  playbook: Playbook | undefined;
}

/** What can be judged without running anything. */
export interface Parts {
  trusted: PublicKey;
  findings: Findings;
  files: Files;
  entries: LedgerEntry[];
  runs: Run[];
  facts: Facts;
}

export interface VerifyOptions {
  /** Module that exports the workflows; Firebreak's own when absent. */
  workflowsPath?: string;
  /** For each run. Default: two minutes, and as long again for every 10,000 events. */
  replayTimeoutMs?: number;
}

/**
 * Judges a bundle from its directory and one trusted key alone: signatures first, then every part, then the workflow run again. Does not stop at
 * the first finding.
 * @param key PEM text, or the key itself
 * @throws FirebreakError FB5001 no such directory, FB5002 unusable key, FB5008 the workflow cannot be bundled
 */
export async function verifyBundle(
  dir: string,
  key: string | PublicKey,
  options: VerifyOptions = {},
): Promise<Report> {
  return (await verifyFully(dir, key, options)).report;
}

/** As `verifyBundle`, with the recomputed ledger. */
export async function verifyFully(
  dir: string,
  key: string | PublicKey,
  options: VerifyOptions = {},
): Promise<Verified> {
  const { files, findings, entries, runs, facts } = await checkParts(dir, key);
  const events = runs.reduce((sum, run) => Math.max(sum, run.events.length), 0);
  const timeoutMs = options.replayTimeoutMs ?? 120_000 * (1 + Math.ceil(events / 10_000));
  const codePath = await replayBundle(options.workflowsPath);
  const recomputed = await checkReplay(runs, files, entries, codePath, timeoutMs, findings);
  const input = runs[0]?.input ?? {};
  const people = object(input['policy'])['people'];
  return {
    report: {
      ok: findings.count === 0,
      findings: findings.list,
      count: findings.count,
      facts: { ...facts, recomputed: recomputed.length },
    },
    entries: recomputed,
    people: claimed(Array.isArray(people) ? people.map(object) : []),
    playbook: claimed(input['playbook']),
  };
}

/** Signatures, then every part by itself and against the others. A bundle without findings here is not verified yet. */
export async function checkParts(dir: string, key: string | PublicKey): Promise<Parts> {
  const trusted = typeof key === 'string' ? parsePublicKey(key) : key;
  const findings = new Findings();
  const files = await readBundle(dir, findings);
  const manifest = checkContainer(files, trusted, findings);
  const seal = checkSeal(files, trusted, findings);
  const incident = manifest?.incident ?? seal?.incident;
  if (seal !== undefined && seal.incident !== incident) {
    findings.add('FB5109', names.seal, '', 'the seal is of another incident', {
      expected: incident,
      found: seal.incident,
    });
  }
  const entries = checkLedger(files, incident, seal, findings);
  const runs = checkRuns(files, incident, seal, trusted, findings);
  const first = runs[0];
  const input = claimed<IncidentArguments | undefined>(first?.input);
  // The seal's keys when there is one: the history's own would vouch for themselves.
  const own = object(object(first?.input)['policy'])['gatewayKeys'];
  const keys = seal?.gatewayKeys ?? claimed<PublicKey[]>(Array.isArray(own) ? own.map(object) : []);
  const guard = (what: string, file: string, check: () => void) => guarded(what, file, findings, check);
  guard('the activities', names.ledger, () => checkCarried(runs, entries, seal, findings));
  if (first !== undefined && input !== undefined) {
    guard('the opening', first.file, () => checkOpening(first, seal, keys, findings));
    guard('the updates', first.file, () => checkUpdates(runs, entries, keys, findings));
    guard('the commands', first.file, () => checkCommands(runs, entries, input, keys, findings));
    guard('the decisions', names.ledger, () => {
      const gates = checkDecisions(entries, input.policy, keys, findings);
      checkWarrants(runs, gates, findings);
    });
  }
  const artefacts = checkEvidence(files, incident, entries, findings);
  const lines = checkAccessLog(files, incident, findings);
  checkPlaybook(files, input?.playbookDigest, findings);
  const facts: Facts = {
    incident: incident ?? '',
    exportedAt: manifest?.at ?? '',
    outcome: seal?.outcome ?? '',
    key: trusted.id,
    runs: runs.map(({ run, workflowId, events }) => ({ run, workflowId, events: events.length })),
    entries: entries.length,
    recomputed: 0,
    artefacts,
    accessLines: lines.length,
    accessLinesWithheld: lines.filter((line) => 'withheld' in line).length,
    workflowBundle: seal?.workflowBundle ?? '',
    gatewayKeys: keys.map(({ id }) => id),
  };
  return { trusted, findings, files, entries, runs, facts };
}

/** Runs a check over parts whose inner shape nobody vouches for: one that cannot be followed is a finding, not a crash. */
function guarded(what: string, file: string, findings: Findings, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError))
      throw error;
    findings.add('FB5108', file, '', `${what} cannot be followed: ${quote(error.message)}`);
  }
}
