import { expect, test } from '@jest/globals';
import { digest } from '../../../domain/json.ts';
import type { Approval } from '../../../domain/person.ts';
import type { Signer } from '../../../domain/signature.ts';
import { createPreparation } from '../../../gateway/opening.ts';
import type { ActionStep, Playbook, Step } from '../../../language/run/playbook.ts';

const approval = (group: string): Approval => ({
  from: [group],
  count: 1,
  withinMs: 60_000,
  otherwise: 'escalate',
});
const common = { needs: [] };
const action = (id: string, more: Partial<ActionStep> = {}): ActionStep => ({
  ...common,
  id,
  kind: 'action',
  uses: 'a.b',
  with: { literal: {} },
  undo: 'never',
  ...more,
});
const steps: Step[] = [
  action('first', { approve: approval('leads'), onFailure: [action('repair')] }),
  { ...common, id: 'go', kind: 'approve', question: { literal: 'Go?' }, approve: approval('owners') },
  {
    ...common,
    id: 'both',
    kind: 'parallel',
    branches: [{ name: 'left', steps: [action('left')] }],
    outputs: {},
  },
  {
    ...common,
    id: 'each',
    kind: 'foreach',
    items: { literal: [] },
    maxItems: 1,
    maxParallel: 1,
    outputs: {},
    steps: [
      { ...common, id: 'child', kind: 'playbook', playbook: 'FB-002', with: { literal: {} } },
      { ...common, id: 'set', kind: 'set', values: {} },
    ],
    onFailure: [action('mop')],
  },
];
const playbook: Playbook = {
  schema: 'firebreak/playbook/v1',
  id: 'FB-001',
  name: 'P',
  version: 1,
  description: '',
  inputs: {},
  steps,
  onFailure: [action('undo-all')],
  always: [
    {
      ...common,
      id: 'ticket',
      kind: 'ask',
      question: { literal: 'Which?' },
      from: ['responders'],
      withinMs: 1_000,
      fields: {},
    },
  ],
  actions: {},
  children: {
    'FB-002': { id: 'FB-002', name: 'C', version: 1, description: '', inputs: {}, steps: [action('first')] },
  },
};
const signer: Signer = {
  publicKey: { id: 'ed25519:0000000000000000', key: '' },
  sign: (payload) => Promise.resolve({ payload, keyId: '', signature: '' }),
};
const policy = {
  people: [],
  gatewayKeys: [],
  guardrails: { protectedNamespaces: [], maxNamespaces: 1, maxPods: 1, automatic: [] },
  approval: approval('usual'),
  release: approval('release'),
  escalation: [],
  channel: '',
  holdMs: 1,
};
const opened = (file: string, commit?: { id: string; modified: boolean }) =>
  createPreparation(signer, policy, () => new Date(0))(
    {
      key: digest('key'),
      title: 't',
      severity: 'high',
      mode: 'approve',
      alert: null,
      playbook: { playbook, digest: digest(playbook), file, ...(commit === undefined ? {} : { commit }) },
      inputs: {},
      requester: 'ana',
    },
    'inc-0123456789abcdef-abc234',
    undefined,
  );

test('whoever must agree is signed for every step that asks, at any depth, by its path', async () => {
  const { payload } = (await opened('playbook.yaml')).opening;
  expect(payload.approvals).toEqual({
    first: approval('leads'),
    repair: approval('usual'),
    go: approval('owners'),
    left: approval('usual'),
    'each/child/first': approval('usual'),
    mop: approval('usual'),
    'undo-all': approval('usual'),
    ticket: { from: ['responders'], count: 1, withinMs: 1_000, otherwise: 'deny' },
  });
});

test.each([
  ['/srv/secret-customer/playbooks/quarantine/playbook.yaml', 'quarantine/playbook.yaml'],
  ['C:\\playbooks\\quarantine\\playbook.yaml', 'quarantine/playbook.yaml'],
  ['./playbook.yaml', 'playbook.yaml'],
  ['/playbook.yaml', 'playbook.yaml'],
])('the source of %s is named without the machine that it lay on', async (file, named) => {
  expect((await opened(file)).source).toEqual({ file: named });
  const commit = { id: 'a'.repeat(40), modified: true };
  expect((await opened(file, commit)).source).toEqual({ file: named, commit });
});
