import { gateDigest, type Gate } from '../../../domain/decision.ts';
import type { GateNotice } from '../../../workflows/contract.ts';

export const incident = 'inc-0123456789abcdef-abcdef';

const gate: Gate = {
  incident,
  id: 'quarantine',
  purpose: 'contain',
  authorities: [],
  hold: { forMs: 86_400_000 },
  approval: { from: ['responders'], count: 1, withinMs: 300_000, otherwise: 'escalate' },
  requester: 'falco',
  expiresAt: '2026-03-01T03:22:00.000Z',
};

export const notice: GateNotice = {
  gate,
  digest: gateDigest(gate),
  title: 'Quarantine namespace shop in prod-eu',
  severity: 'critical',
  playbook: { id: 'FB-001', name: 'Quarantine a namespace', version: 1 },
  alert: {
    source: 'falco',
    rule: 'Terminal shell in container',
    summary: 'A shell was spawned in a container with an attached terminal',
    cluster: 'prod-eu',
    namespace: 'shop',
    pod: 'web-7d4b9c-x2x1p',
    image: 'registry.example/shop/web:1.4.2',
    detectedAt: '2026-03-01T03:11:58.000Z',
  },
  alerts: 3,
  ifApproved: [
    'Pods of shop can no longer reach, or be reached by, anything (14 pods, 3 services)',
    'Customers cannot check out until it is released',
  ],
  ifDenied: ['The pods keep running and talking to the network'],
  changes: ['create NetworkPolicy shop/firebreak-quarantine', 'delete NetworkPolicy shop/allow-web'],
  changeCount: 7,
  notCovered: [
    {
      code: 'host-network',
      text: 'Pods on the host network are not isolated',
      objects: ['pods/node-exporter-1'],
      count: 3,
    },
    { code: 'open-connections', text: 'Connections that are open already may stay open' },
  ],
  undo: 'Restores the 2 policies that were there, exactly',
  deciders: ['Alice Ash', 'Bob Birch'],
  escalation: ['leads'],
  requesterName: 'Falco (prod-eu)',
};

/** Every string that a reader gets, with how Slack treats it. */
export function texts(value: unknown): { type: string; text: string }[] {
  if (Array.isArray(value)) return value.flatMap(texts);
  if (typeof value !== 'object' || value === null) return [];
  const one = value as { type?: string; text?: unknown };
  const own = typeof one.text === 'string' ? [{ type: one.type ?? '', text: one.text }] : [];
  return [...own, ...Object.values(value).flatMap(texts)];
}
