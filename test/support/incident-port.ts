import type { Alert } from '../../domain/alert.ts';
import type { IncidentArguments } from '../../workflows/contract.ts';
import type { DecideArguments } from '../../workflows/contract.ts';
import {
  AlreadyOpen,
  NotOpen,
  TemporalUnavailable,
  type IncidentPort,
  type IncidentRun,
} from '../../gateway/temporal-port.ts';

interface Run extends IncidentRun {
  input: IncidentArguments;
  signals: Alert[][];
}

/** Temporal as far as the gateway sees it, in memory: one open run an id. `down` and `reject` make it fail. */
export class FakeIncidents implements IncidentPort {
  readonly runs = new Map<string, Run[]>();
  readonly decisions: { workflowId: string; updateId: string; signed: DecideArguments }[] = [];
  down = false;
  /** Thrown by the next Update. */
  reject: Error | undefined;
  /** Closes the run right before the next signal reaches it. */
  closeBeforeSignal = false;
  /** Waited for by `start`. */
  beforeStart: () => Promise<void> = () => Promise.resolve();
  calls = { start: 0, describe: 0, signal: 0 };

  all(): Run[] {
    return [...this.runs.values()].flat();
  }

  close(workflowId: string): void {
    const run = this.#latest(workflowId);
    if (run !== undefined) run.open = false;
  }

  async start(workflowId: string, input: IncidentArguments, firstAlert: string): Promise<string> {
    this.calls.start += 1;
    await this.beforeStart();
    await this.#turn();
    if (this.#latest(workflowId)?.open === true) throw new AlreadyOpen(workflowId);
    const runs = this.runs.get(workflowId) ?? [];
    const run = {
      incident: input.incident,
      runId: `run-${runs.length}`,
      open: true,
      closing: false,
      events: 3,
      bytes: 10_000,
      firstAlert,
      input,
      signals: [],
    };
    this.runs.set(workflowId, [...runs, run]);
    return run.runId;
  }

  async describe(workflowId: string): Promise<IncidentRun | undefined> {
    this.calls.describe += 1;
    await this.#turn();
    const run = this.#latest(workflowId);
    // As it is now: what the caller keeps does not change under it.
    return run === undefined ? undefined : { ...run };
  }

  async signal(workflowId: string, runId: string, alerts: Alert[]): Promise<void> {
    this.calls.signal += 1;
    await this.#turn();
    if (this.closeBeforeSignal) {
      this.closeBeforeSignal = false;
      this.close(workflowId);
    }
    const run = this.#latest(workflowId);
    if (run?.open !== true || run.runId !== runId) throw new NotOpen(workflowId);
    run.signals.push(alerts);
    run.events += 4;
    run.bytes += JSON.stringify(alerts).length;
  }

  status(): Promise<never> {
    return Promise.reject(new NotOpen('the fake runs no workflow'));
  }

  async decide(workflowId: string, updateId: string, signed: DecideArguments): Promise<void> {
    await this.#turn();
    if (this.reject !== undefined) throw this.reject;
    this.decisions.push({ workflowId, updateId, signed });
  }

  async command(): Promise<void> {
    await this.#turn();
    if (this.reject !== undefined) throw this.reject;
  }

  async listOpen(limit: number): Promise<string[]> {
    await this.#turn();
    const open = this.all().filter((run) => run.open);
    return open.map(({ incident }) => incident).slice(0, limit);
  }

  reachable(): Promise<boolean> {
    return Promise.resolve(!this.down);
  }

  #latest(workflowId: string): Run | undefined {
    return this.runs.get(workflowId)?.at(-1);
  }

  /** Each call crosses the event loop, as a real one does. */
  async #turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.down) throw new TemporalUnavailable('down');
  }
}
