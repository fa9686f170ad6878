import {
  ApplicationFailure,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  setHandler,
} from '@temporalio/workflow';
import type { IncidentArguments, AlertsArguments, DecideArguments } from '../../workflows/contract.ts';

/**
 * Stands in for the incident's workflow where only the gateway is tested: it keeps what it was given, refuses the gate `closed`, and ends when the
 * gate `end` is approved.
 */
export async function incident(input: IncidentArguments): Promise<void> {
  const signals: string[][] = [];
  const taken: string[] = [];
  setHandler(
    defineSignal<[AlertsArguments]>('alerts'),
    (alerts) => void signals.push(alerts.map(({ id }) => id)),
  );
  setHandler(
    defineUpdate<void, [DecideArguments]>('decide'),
    ({ payload }) => void taken.push(payload.gate),
    {
      validator: ({ payload }) => {
        if (payload.gate !== 'closed') return;
        throw ApplicationFailure.create({
          type: 'Refused',
          nonRetryable: true,
          message: 'FB4003: this question is not open',
        });
      },
    },
  );
  setHandler(defineQuery('status'), () => ({
    incident: input.incident,
    ...(input.predecessor === undefined ? {} : { predecessor: input.predecessor }),
    title: input.title,
    severity: input.severity,
    mode: input.mode,
    status: 'holding',
    playbook: { id: input.playbook.id, name: input.playbook.name, version: 1, digest: input.playbookDigest },
    requester: input.requester,
    openedAt: input.opening.payload.at,
    alerts: 1,
    steps: [],
    gates: [],
    ledger: { count: 0, head: input.playbookDigest },
    signals,
  }));
  await condition(() => taken.includes('end'));
}
