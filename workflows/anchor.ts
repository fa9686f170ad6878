import { defaultPayloadConverter, patched, type WorkflowInterceptors } from '@temporalio/workflow';

/** What the memo holds of the ledger: how many entries there were when a task left no other trace. */
const memo = 'ledger';

let isOn = false;
let noted: number | undefined;

/** Said once at the start of a run: histories from before are replayed without anchors. */
export function anchorEntries(): void {
  isOn = patched('anchor-entries');
}

/** Says that an entry has taken its time from the workflow task that runs now; it is the ledger's `count`th. */
export function owesAnchor(count: number): void {
  noted = count;
}

/**
 * Leaves a trace in the history of each task whose only work was to note entries. Where a task has left none and another one follows at once, which an
 * Update that is refused beside other news can bring about, a replay takes both for one and gives the news of the first the time of the second: the
 * entries' hashes would be others, and the incident stuck.
 */
export function interceptors(): WorkflowInterceptors {
  return {
    internals: [
      {
        concludeActivation(input, next) {
          const output = next(input);
          const count = noted;
          noted = undefined;
          if (!isOn || count === undefined || output.commands.some(leavesTrace)) return output;
          const fields = { [memo]: defaultPayloadConverter.toPayload(count) };
          const anchor = { modifyWorkflowProperties: { upsertedMemo: { fields } } };
          return { ...output, commands: [...output.commands, anchor] };
        },
      },
    ],
  };
}

type Command = Parameters<
  NonNullable<NonNullable<WorkflowInterceptors['internals']>[number]['concludeActivation']>
>[0]['commands'][number];

/** Whether a command becomes an event: all do but answers to queries and the refusal of an Update. */
function leavesTrace({ respondToQuery, updateResponse }: Command): boolean {
  if (respondToQuery !== undefined && respondToQuery !== null) return false;
  return updateResponse?.rejected === undefined || updateResponse.rejected === null;
}
