import type { GateView, IncidentView } from '../../domain/incident.ts';
import { gateDigest, type Gate } from '../../domain/decision.ts';
import type { IncidentPort } from '../../gateway/temporal-port.ts';
import type { CommandArguments } from '../../workflows/contract.ts';
import { FakeIncidents } from './incident-port.ts';

export const asking = 'inc-0123456789abcdef-abc234';

/** What an attacker may name things: clears the screen, colours, reorders, breaks lines. */
const hostile = 'shell\u001b[2J\u009b31m\u202e\nAPPROVED';

export function gate(id = 'quarantine', purpose: Gate['purpose'] = 'contain'): Gate {
  return {
    incident: asking,
    id,
    purpose,
    authorities: [
      {
        action: 'kubernetes.quarantine-namespace',
        targets: [{ kind: 'Namespace', cluster: 'prod', name: 'shop', uid: 'uid-of-shop' }],
        rule: 'remove every NetworkPolicy in this namespace that allows traffic, at most 200',
        caps: { policies: 200 },
        undo: 'restore',
      },
    ],
    hold: { forMs: 86_400_000 },
    approval: { from: ['responders'], count: 1, withinMs: 300_000, otherwise: 'escalate' },
    requester: 'falco',
    expiresAt: '2030-01-01T00:00:00.000Z',
  };
}

export function open(...gates: Gate[]): GateView[] {
  const consequences = {
    ifApproved: [`cuts it off ${hostile}`],
    ifDenied: ['it goes on talking'],
    changes: ['delete networkpolicies/allow-web'],
    changeCount: 3,
    undo: 'puts it back',
  };
  return gates.map((one) => ({
    gate: one,
    digest: gateDigest(one),
    consequences,
    decisions: [],
    escalated: false,
  }));
}

export function view(more: Partial<IncidentView> = {}): IncidentView {
  return {
    incident: asking,
    title: hostile,
    severity: 'high',
    mode: 'approve',
    status: 'awaiting-approval',
    playbook: {
      id: 'FB-001',
      name: 'Quarantine a namespace',
      version: 1,
      digest: `sha256:${'1'.repeat(64)}`,
    },
    requester: 'falco',
    openedAt: '2026-01-02T03:04:05.000Z',
    alerts: 3,
    steps: [
      {
        id: 'quarantine',
        action: 'kubernetes.quarantine-namespace',
        status: 'held',
        notCovered: [
          { code: 'host-network', text: 'pods on the host network', objects: ['pods/edge-1'], count: 4 },
        ],
        applied: { changes: 7, already: 1, measures: {}, unavailable: [] },
        verification: {
          state: 'in-place',
          verdict: 'evaluated',
          claims: [
            {
              claim: 'exec is refused in namespace shop',
              verdict: 'verified',
              detail: 'the API server refused a probe',
            },
            {
              claim: 'nothing is allowed in or out',
              verdict: 'evaluated',
              detail: 'of 12 pods; no packet was sent',
            },
          ],
        },
        holdUntil: '2030-01-01T00:00:00.000Z',
      },
    ],
    gates: open(gate()),
    ledger: { count: 12, head: `sha256:${'2'.repeat(64)}` },
    ...more,
  };
}

/** Temporal with one incident that asks: `shown` may be changed, and what it is sent is kept. */
export function askingIncident() {
  const fake = new FakeIncidents();
  const commands: CommandArguments[] = [];
  const incidents: IncidentPort = {
    start: (...args) => fake.start(...args),
    describe: (...args) => fake.describe(...args),
    signal: (...args) => fake.signal(...args),
    decide: (...args) => fake.decide(...args),
    reachable: () => fake.reachable(),
    status: () => Promise.resolve(structuredClone(asked.shown)),
    listOpen: () => Promise.resolve([asking]),
    command: async (_workflowId, _updateId, signed) => {
      await fake.command();
      commands.push(signed);
    },
  };
  const asked = { incidents, fake, commands, shown: view() };
  return asked;
}
