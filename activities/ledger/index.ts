import { Context } from '@temporalio/activity';
import type { Signer } from '../../domain/signature.ts';
import type { IncidentView } from '../../domain/incident.ts';
import { canonical, type Digest } from '../../domain/json.ts';
import type { PublicKey } from '../../domain/signature.ts';
import type { LedgerActivities, Seal } from '../../workflows/contract.ts';

/** Write-once files by name. */
export interface SealStore {
  put(name: string, bytes: string): Promise<void>;
  get(name: string): Promise<Uint8Array | undefined>;
}

export interface LedgerActivityOptions {
  seals: SealStore;
  signer: Signer;
  gatewayKeys: readonly PublicKey[];
  /** SHA-256 of the workflow bundle that this worker runs. */
  workflowBundle: Digest;
}

/** The names of what is kept of a sealed incident. */
export const sealName = (incident: string) => `${incident}.json`;
export const viewName = (incident: string) => `${incident}.view.json`;

/** A wrapper stores the entries before; `ledger.seal` reads the last of them. */
export function ledgerActivities({
  seals,
  signer,
  gatewayKeys,
  workflowBundle,
}: LedgerActivityOptions): LedgerActivities {
  return {
    /** Nothing beside what the wrapper does: store the entries. */
    async 'ledger.record'() {},

    async 'ledger.seal'({ incident, entries, outcome, view }) {
      const last = entries.at(-1);
      if (last === undefined) throw new TypeError('ledger.seal was given no entries');
      const { hash: head, seq: count } = last;
      // A retry finds the seal of the attempt before it: the same chain is sealed once, whatever the clock says by then.
      const sealed = await seals.get(sealName(incident));
      if (sealed === undefined) {
        const { workflowId, runId } = Context.current().info.workflowExecution ?? {
          workflowId: '',
          runId: '',
        };
        const seal: Seal = {
          type: 'firebreak/seal/v1',
          incident,
          head,
          count,
          outcome,
          workflowBundle,
          gatewayKeys: [...gatewayKeys],
          workflowId,
          runId,
          at: new Date().toISOString(),
        };
        await seals.put(sealName(incident), canonical(await signer.sign(seal)));
      }
      const closed: IncidentView = { ...view, status: 'closed', ledger: { count, head } };
      await seals.put(viewName(incident), canonical(closed));
    },
  };
}
