/**
 * Stops every change that Firebreak would make. Works without Temporal or Slack, never blocks a person's release, and reads
 * as stopped when it cannot be read.
 */
export interface KillSwitch {
  /** `by`: a person id, or why it could not be read. */
  read(): Promise<{ stopped: boolean; by: string; reason: string; at: string }>;
  set(state: { stopped: boolean; by: string; reason: string }): Promise<void>;
}
