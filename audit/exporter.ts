import { claimed } from './claimed.ts';
import type { Client } from '@temporalio/client';
import { FirebreakError } from '../domain/errors.ts';
import { sha256 } from '../domain/json.ts';
import { verifySigned, type Signed, type Signer } from '../domain/signature.ts';
import type { Records } from '../stores/records.ts';
import { incidentWorkflow, type HistorySeal } from '../workflows/contract.ts';
import { historyName, historySealName, runIdPattern } from './bundle/layout.ts';
import { jsonFile } from './bundle/write.ts';
import { eventsOf, historyText, object, payloadsOf, text } from './history.ts';

/** As much of a pino logger as is used. */
export interface ExporterLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface ExporterOptions {
  client: Client;
  exports: Records;
  signer: Signer;
  log: ExporterLog;
  /** Between two sweeps. */
  intervalMs?: number;
  now?: () => Date;
}

export interface ExporterStatus {
  /** Histories exported since the start. */
  exported: number;
  /** Runs whose export failed, until it succeeds. */
  failing: { run: string; workflowId: string; attempts: number; error: string }[];
  /** RFC 3339 UTC of the last sweep that saw every closed incident; absent before the first. */
  sweptAt?: string;
  /** Why the last sweep did not. */
  sweepError?: string;
}

export interface Exporter {
  /**
   * Exports every closed run that is not exported yet and not backing off; of an open incident, the runs that were continued as new. Sweeps never
   * overlap: a call during one waits for it, and for one more.
   */
  sweep(): Promise<ExporterStatus>;
  /** Sweeps now and from then on. */
  start(): void;
  /** Ends after the sweep under way. */
  stop(): Promise<void>;
  status(): ExporterStatus;
}

/** Visibility lags behind a close, and clocks differ: a sweep looks back this far behind the one before. */
const overlapMs = 15 * 60_000;
const longestBackoffMs = 10 * 60_000;

interface Failure {
  workflowId: string;
  attempts: number;
  notBefore: number;
  error: string;
}

/**
 * Takes the histories of closed incidents before the server forgets them, and signs each. The first sweep of a process looks at everything that
 * the server still has, so that an outage is caught up with; what is stored is never written again.
 */
export function createExporter(options: ExporterOptions): Exporter {
  const { client, exports, log, intervalMs = 30_000, now = () => new Date() } = options;
  const failures = new Map<string, Failure>();
  let exported = 0;
  let seenUntil: number | undefined;
  let sweptAt: string | undefined;
  let sweepError: string | undefined;
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  async function sweepOnce(): Promise<void> {
    const began = now().getTime();
    const since =
      seenUntil === undefined ? '' : ` AND CloseTime > '${new Date(seenUntil - overlapMs).toISOString()}'`;
    const query = `WorkflowType = '${incidentWorkflow}' AND ExecutionStatus != 'Running'${since}`;
    const done = new Set(await exports.list('runs'));
    try {
      const due = new Map([...failures].map(([run, { workflowId }]) => [run, workflowId]));
      for await (const { runId, workflowId, status, memo } of client.workflow.list({ query })) {
        due.set(runId, workflowId);
        // A run that was continued as new is no end: another one goes on.
        const isUnsealed = status.name !== 'COMPLETED' && status.name !== 'CONTINUED_AS_NEW';
        if (isUnsealed && !done.has(runId) && !failures.has(runId)) {
          log.warn(
            { incident: memo?.['incident'], workflowId, run: runId, status: status.name },
            'an incident ended without a seal: what it holds stays contained. Open an incident on the same target and release that one',
          );
        }
      }
      for (const [run, workflowId] of due) if (!done.has(run)) await attempt(run, workflowId);
      seenUntil = began;
      sweptAt = new Date(began).toISOString();
      sweepError = undefined;
    } catch (error) {
      // The server is away: the next sweep looks as far back as this one would have.
      sweepError = messageOf(error);
      log.warn(
        { error: sweepError },
        'closed incidents cannot be listed; their histories are exported later',
      );
    }
  }

  async function attempt(run: string, workflowId: string): Promise<void> {
    const before = failures.get(run);
    if (before !== undefined && before.notBefore > now().getTime()) return;
    try {
      const incident = await exportRun(options, run, workflowId);
      failures.delete(run);
      exported++;
      log.info({ incident, workflowId, run }, 'history exported');
    } catch (error) {
      const attempts = (before?.attempts ?? 0) + 1;
      const waitMs = Math.min(longestBackoffMs, 1_000 * 2 ** attempts);
      failures.set(run, {
        workflowId,
        attempts,
        notBefore: now().getTime() + waitMs,
        error: messageOf(error),
      });
      log.warn({ workflowId, run, attempts, error: messageOf(error) }, 'a history could not be exported');
    }
  }

  const status = (): ExporterStatus => ({
    exported,
    failing: [...failures].map(([run, { workflowId, attempts, error }]) => ({
      run,
      workflowId,
      attempts,
      error,
    })),
    ...(sweptAt === undefined ? {} : { sweptAt }),
    ...(sweepError === undefined ? {} : { sweepError }),
  });
  const sweep = async () => {
    running = running.then(sweepOnce, sweepOnce);
    await running;
    return status();
  };
  const again = () => {
    if (!stopped) timer = setTimeout(tick, intervalMs);
    timer?.unref();
  };
  const tick = () => {
    sweep().then(again, (error: unknown) => {
      // The store itself failed: said, and tried again.
      sweepError = messageOf(error);
      log.warn({ error: sweepError }, 'the export of histories failed');
      again();
    });
  };
  return {
    sweep,
    status,
    start: tick,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running.catch(() => undefined);
    },
  };
}

/** Exports one run: history, then seal, then the mark that both are there. Each is put if absent, so that a killed attempt is continued. */
async function exportRun(
  { client, exports, signer, now = () => new Date() }: ExporterOptions,
  run: string,
  workflowId: string,
): Promise<string> {
  if (!runIdPattern.test(run)) throw new TypeError('the run id is not a UUID');
  const history = historyText(await client.workflow.getHandle(workflowId, run).fetchHistory());
  const events = eventsOf(JSON.parse(history));
  const incident = text(object(payloadsOf(events[0]?.attributes['input'])[0])['incident']);
  if (!incident.startsWith('inc-')) throw new TypeError('the workflow was started without an incident id');
  await exports.put(`${incident}/${historyName(run)}`, history);
  const seal: HistorySeal = {
    type: 'firebreak/history/v1',
    incident,
    workflowId,
    runId: run,
    history: sha256(history),
    events: events.length,
    at: now().toISOString(),
  };
  await putSeal(exports, `${incident}/${historySealName(run)}`, seal, signer);
  await exports.put(`runs/${run}`, jsonFile({ incident }));
  return incident;
}

/** An attempt before this one, or another process, may have sealed the same history a moment earlier: that seal stands. */
async function putSeal(exports: Records, name: string, seal: HistorySeal, signer: Signer): Promise<void> {
  const there = await exports.get(name);
  if (there === undefined) {
    try {
      return await exports.put(name, jsonFile(await signer.sign(seal)));
    } catch (error) {
      if (!(error instanceof FirebreakError && error.code === 'FB6205')) throw error;
      return putSeal(exports, name, seal, signer);
    }
  }
  const signed = claimed<Signed<HistorySeal>>(JSON.parse(Buffer.from(there).toString('utf8')));
  if (!verifySigned(signed, seal.type, [signer.publicKey]) || signed.payload.history !== seal.history) {
    throw new TypeError(`${name} is stored and seals another history, or is not signed by this ledger's key`);
  }
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 500);
}
