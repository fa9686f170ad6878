import type { LedgerEntry } from '../../domain/ledger.ts';

/** An activity that the replayed workflow scheduled. */
export interface CapturedActivity {
  id: string;
  type: string;
  entries: LedgerEntry[];
}

/** What the replaying process is told. */
export interface ReplayRequest {
  /** File of the workflow bundle. */
  codePath: string;
  workflowId: string;
  /** Text of a history's JSON. */
  history: string;
}

/** What it answers, once. */
export interface ReplayAnswer {
  activities: CapturedActivity[];
  /** The arguments of the next run as JSON texts; absent when the workflow did not continue as new. */
  continued?: string[];
  /** Absent when the workflow reproduced the history to its end. */
  failure?: {
    /** `determinism`: another workflow, or another history. `replay`: anything else. */
    kind: 'determinism' | 'replay';
    message: string;
  };
}
