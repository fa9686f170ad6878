import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { EvidenceStore } from '../domain/evidence.ts';
import type { LedgerStore } from '../domain/ledger.ts';
import { openAccessLog } from './access-log.ts';
import type { FileAccessLog } from './access-log.ts';
import { openFolder } from './durable.ts';
import { openEvidence } from './evidence.ts';
import type { EvidenceLimits } from './evidence.ts';
import { openSigner } from './keys.ts';
import type { FileSigner } from './keys.ts';
import { openKillSwitch } from './kill-switch.ts';
import type { FileKillSwitch } from './kill-switch.ts';
import { openLedger } from './ledger.ts';
import { openRecords } from './records.ts';
import type { Records } from './records.ts';
import { openRegistryEvents } from './registry-events.ts';
import type { FileRegistryEvents, RegistryEventLimits } from './registry-events.ts';
import { openTokens } from './tokens.ts';
import type { Tokens } from './tokens.ts';

export interface StateLimits extends EvidenceLimits {
  maxRefusalsPerMinute: number;
  /** 64 MiB and 90 days of each registry when absent. */
  registryEvents?: RegistryEventLimits;
}

/** Everything that Firebreak keeps on disk. */
export interface State {
  ledger: LedgerStore;
  evidence: EvidenceStore;
  accessLog: FileAccessLog;
  killSwitch: FileKillSwitch;
  tokens: Tokens;
  /** Signs decisions, commands and openings. */
  gatewaySigner: FileSigner;
  /** Signs seals and exports. */
  ledgerSigner: FileSigner;
  seals: Records;
  exports: Records;
  /** Which snapshots were taken of which targets, by the plans of this house. */
  snapshots: Records;
  /** Writes that must not be sent twice, stored before they are sent. */
  intents: Records;
  /** What registries notify of. */
  registryEvents: FileRegistryEvents;
}

const marker = 'state.json';

/** Where a state directory has its registry events: a worker reads them without opening all the rest. */
export function registryEventsIn(dir: string): string {
  return join(dir, 'registry-events');
}

/** Opens the state directory; several processes may, and one of them writes the access log. */
export async function openState(dir: string, limits: StateLimits): Promise<State> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const killSwitch = await openKillSwitch(join(dir, 'kill-switch'));
  await initialise(dir, killSwitch);
  const keys = join(dir, 'keys');
  return {
    killSwitch,
    ledger: await openLedger(join(dir, 'ledger')),
    evidence: await openEvidence(join(dir, 'evidence'), limits),
    accessLog: await openAccessLog(join(dir, 'access-log'), limits),
    tokens: await openTokens(join(dir, 'tokens')),
    gatewaySigner: await openSigner(keys, 'gateway'),
    ledgerSigner: await openSigner(keys, 'ledger'),
    seals: await openRecords(join(dir, 'seals')),
    exports: await openRecords(join(dir, 'exports')),
    snapshots: await openRecords(join(dir, 'snapshots')),
    intents: await openRecords(join(dir, 'intents')),
    registryEvents: await openRegistryEvents(registryEventsIn(dir), limits.registryEvents),
  };
}

/** A new directory's kill switch is off. In one that was used before, a missing switch means that somebody removed it: it stays on. */
async function initialise(dir: string, killSwitch: FileKillSwitch): Promise<void> {
  const own = new Set(['kill-switch', '.drafts']);
  if ((await readdir(dir)).some((name) => !own.has(name))) return;
  await killSwitch.initialise();
  await (await openFolder(dir)).put([marker], JSON.stringify({ v: 1 }));
}
