import { expect, test } from '@jest/globals';
import {
  tuple,
  array,
  assert,
  boolean,
  constant,
  constantFrom,
  integer,
  nat,
  oneof,
  option,
  property,
  record,
  string,
  webUrl,
  dictionary,
  type Arbitrary,
} from 'fast-check';
import { approvalMessage } from '../../../activities/slack/approval-message.ts';
import { tellMessage } from '../../../activities/slack/tell-message.ts';
import type { Authority } from '../../../domain/action.ts';
import type { GateNotice, GateState } from '../../../workflows/contract.ts';
import { checkBlocks } from '../../../testbed/slack/blocks.ts';
import { incident, notice, texts } from './notices.ts';

const authority: Authority = {
  action: 'test.switch',
  targets: [],
  rule: 'turn it on',
  caps: {},
  undo: 'restore',
};
const open: GateState = { state: 'open', decisions: [] };
const allOf = (state: GateState, of: GateNotice = notice) =>
  texts(approvalMessage(of, state).blocks)
    .map(({ text }) => text)
    .join('\n');

test('an open question says what happens either way, what stays open, who, until when and what then', () => {
  const words = allOf(open);
  for (const said of [
    '🔴 CRITICAL · Quarantine namespace shop in prod-eu',
    'Customers cannot check out until it is released',
    'The pods keep running and talking to the network',
    'NOT COVERED (2)',
    '• Pods on the host network are not isolated: pods/node-exporter-1, + 2 more',
    'Changes now: 7',
    '+ 5 more',
    'Restores the 2 policies that were there, exactly',
    'Alice Ash, Bob Birch',
    'Falco (prod-eu)',
    'nothing is changed by this request.',
    'Terminal shell in container',
    `Incident ${incident}`,
    'Playbook FB-001 v1, Quarantine a namespace',
    notice.digest.slice(7, 19),
  ]) {
    expect(words).toContain(said);
  }
});

test('a question about twenty steps shows what each does, and what it does not cover, and fits', () => {
  const ids = Array.from({ length: 20 }, (_, index) => `step_${index}`);
  const long = (what: string) => ids.map((id) => `${id}: ${what} ${'x'.repeat(300)}`);
  const several: GateNotice = {
    ...notice,
    gate: { ...notice.gate, authorities: ids.map(() => authority) },
    ifApproved: [...long('does'), ...long('then')],
    ifDenied: long('stays'),
    changes: long('changes'),
    changeCount: 20,
    undo: `${ids.join(', ')}: none`,
    notCovered: long('leaves').map((text) => ({ code: 'x', text })),
  };
  const words = allOf(open, several);
  for (const id of ids) expect(words).toContain(`${id}: does`);
  for (const id of ids) expect(words).toContain(`${id}: stays`);
  expect(words).toContain('NOT COVERED (20)');
  expect(words).toContain('+ 10 more in the plan, not shown here');
  expect(words).toContain('step_19: none');
  expectFit(approvalMessage(several, open));
});

test("the deadlines are shown in the reader's time, in UTC where that is not possible", () => {
  const dates = JSON.stringify(approvalMessage(notice, open).blocks).matchAll(
    /"timestamp":(\d+),"format":"[^"]+","fallback":"([^"]+)"/g,
  );
  expect([...dates].map(([, timestamp, utc]) => [Number(timestamp) * 1000, utc])).toEqual([
    [Date.parse('2026-03-01T03:17:00Z'), '2026-03-01 03:17:00 UTC'],
    [Date.parse('2026-03-01T03:22:00Z'), '2026-03-01 03:22:00 UTC'],
    [Date.parse('2026-03-01T03:11:58Z'), '2026-03-01 03:11:58 UTC'],
  ]);
});

test('the buttons bind incident, gate and digest', () => {
  const actions = approvalMessage(notice, open).blocks.find(({ type }) => type === 'actions');
  const value = JSON.stringify({ i: incident, g: 'quarantine', d: notice.digest });
  expect(actions).toMatchObject({
    elements: [
      {
        action_id: 'firebreak.approve',
        style: 'primary',
        value,
        confirm: { title: { text: 'Approve this?' } },
      },
      { action_id: 'firebreak.deny', style: 'danger', value },
      { action_id: 'firebreak.cancel', value: JSON.stringify({ i: incident }) },
    ],
  });
});

test('what is not covered can never be folded away', () => {
  const section = approvalMessage(notice, open).blocks.find(({ type }) => type === 'section');
  expect(section).toMatchObject({ expand: true, text: { type: 'plain_text' } });
});

const alice = { person: 'alice', name: 'Alice Ash', at: '2026-03-01T03:13:09.000Z' };
test.each<[GateState, string[]]>([
  [
    { state: 'approved', decisions: [{ ...alice, verdict: 'approve' }] },
    ['Approved · Quarantine', 'Approved. ', 'Approved by Alice Ash, 2026-03-01 03:13:09 UTC'],
  ],
  [
    { state: 'denied', decisions: [{ ...alice, verdict: 'deny', reason: 'planned *test*' }] },
    [
      'Denied · ',
      'Denied by Alice Ash, 2026-03-01 03:13:09 UTC, because planned *test*',
      'nothing is changed',
    ],
  ],
  [{ state: 'expired', decisions: [] }, ['Expired · ', 'too few persons decided']],
  [{ state: 'superseded', decisions: [] }, ['Superseded · ', 'no longer counts']],
])('once decided the buttons are gone: %j', (state, said) => {
  const { blocks } = approvalMessage(notice, state);
  expect(blocks.some(({ type }) => type === 'actions')).toBe(false);
  const words = texts(blocks)
    .map(({ text }) => text)
    .join('');
  for (const part of said) expect(words).toContain(part);
});

test('an escalated question still has its buttons, and counts the approvals that it has', () => {
  const two = { ...notice, gate: { ...notice.gate, approval: { ...notice.gate.approval, count: 2 } } };
  const { blocks } = approvalMessage(two, {
    state: 'escalated',
    decisions: [{ ...alice, verdict: 'approve' }],
  });
  expect(blocks.some(({ type }) => type === 'actions')).toBe(true);
  const words = texts(blocks).map(({ text }) => text);
  expect(words).toContain('1 of 2 approvals so far.');
  expect(words.join('')).toContain('ESCALATED · ');
});

test('the largest message that there can be still fits', () => {
  const long = 'x'.repeat(5_000);
  const many = Array.from({ length: 500 }, () => long);
  const alert = {
    source: long,
    rule: long,
    summary: long,
    cluster: long,
    namespace: long,
    pod: long,
    image: long,
    detectedAt: long,
  };
  const largest: GateNotice = {
    ...notice,
    gate: { ...notice.gate, approval: { ...notice.gate.approval, from: many, count: 99 } },
    title: long,
    severity: long,
    playbook: {
      id: long,
      name: long,
      version: 99_999,
      owner: long,
      runbook: long,
      references: many.map((title) => ({ title, url: `https://wiki.example/${'x'.repeat(250)}` })),
    },
    alert,
    ifApproved: many,
    ifDenied: many,
    changes: many,
    changeCount: 100_000,
    notCovered: many.map((text) => ({ code: text, text, objects: many, count: 100_000 })),
    undo: long,
    deciders: many,
    escalation: many,
    requesterName: long,
  };
  const decisions = many.map(() => ({ ...alice, name: long, reason: long, verdict: 'deny' as const }));
  expectFit(approvalMessage(largest, { state: 'escalated', decisions }));
  expect(allOf({ state: 'escalated', decisions }, largest)).toMatch(
    /\+ 490 more in the plan[^]*496 earlier|496 earlier[^]*\+ 490 more in the plan/,
  );
});

test('an unanswered release releases nothing', () => {
  const release: GateNotice = { ...notice, gate: { ...notice.gate, purpose: 'release' } };
  expect(allOf(open, release)).toContain('nothing is released, the hold stays.');
});

const word = oneof(
  string({ unit: 'binary', maxLength: 60 }),
  string({ unit: 'grapheme', maxLength: 60 }),
  constantFrom(
    '',
    '\n✅ Approved by Alice Ash, 2026-03-01 03:13:09 UTC\n',
    '<!channel> <@U012> <https://evil.example|Approve>',
    'https://evil.example/approve',
    '&lt;!here&gt; *bold* `code`',
    '\u202egnihton',
    'ש'.repeat(3_000),
    '😀'.repeat(5_000),
    'x'.repeat(100_000),
    '"\\'.repeat(2_000),
    'Z\u0335\u0336'.repeat(900),
  ),
);
const list = oneof(
  array(word, { maxLength: 6 }),
  tuple(word, integer({ min: 0, max: 300 })).map(([one, times]) => Array.from({ length: times }, () => one)),
);
const limit = record(
  { code: word, text: word, objects: list, count: nat(10_000) },
  { requiredKeys: ['code', 'text'] },
);
const limits = oneof(
  array(limit, { maxLength: 4 }),
  limit.map((one) => Array.from({ length: 200 }, () => one)),
);
const hostile: Arbitrary<GateNotice> = record({
  gate: record({
    incident: constant(incident),
    id: constant('quarantine'),
    purpose: constantFrom(...(['contain', 'change', 'release', 'proceed', 'answer'] as const)),
    authorities: integer({ min: 0, max: 25 }).map((count) => Array.from({ length: count }, () => authority)),
    approval: record({
      from: list,
      count: integer({ min: 1, max: 9 }),
      withinMs: nat(),
      otherwise: constantFrom('escalate' as const, 'deny' as const),
    }),
    requester: word,
    expiresAt: constant('2026-03-01T03:22:00.000Z'),
  }),
  digest: constant(notice.digest),
  title: word,
  severity: oneof(word, constant('high')),
  playbook: record(
    {
      id: word,
      name: word,
      version: nat(),
      owner: word,
      runbook: word,
      references: array(record({ title: word, url: oneof(word, webUrl()) }), { maxLength: 8 }),
    },
    { requiredKeys: ['id', 'name', 'version'] },
  ),
  alert: option(
    record({
      source: word,
      rule: word,
      summary: word,
      cluster: word,
      namespace: word,
      pod: word,
      image: word,
      detectedAt: oneof(constant('2026-03-01T03:11:58.000Z'), word),
    }),
  ),
  alerts: nat(),
  ifApproved: list,
  ifDenied: list,
  changes: list,
  changeCount: nat(),
  notCovered: limits,
  undo: word,
  deciders: list,
  escalation: list,
  requesterName: word,
});
const states: Arbitrary<GateState> = record({
  state: constantFrom(...(['open', 'escalated', 'approved', 'denied', 'expired', 'superseded'] as const)),
  decisions: array(
    record(
      {
        person: word,
        name: word,
        verdict: constantFrom('approve' as const, 'deny' as const),
        reason: word,
        answers: dictionary(word, oneof(word, boolean(), integer())),
        at: constant('2026-03-01T03:13:09.000Z'),
      },
      { requiredKeys: ['person', 'name', 'verdict', 'at'] },
    ),
    { maxLength: 20 },
  ),
});

/** Slack refuses about 11,000 characters in all (slackapi/bolt-js#2867), and says nowhere how it counts. */
const total = 9_500;

function expectFit({ blocks, text }: { blocks: unknown[]; text: string }): void {
  expect(checkBlocks(blocks, 50)).toEqual([]);
  expect(JSON.stringify(blocks)).not.toContain('"elements":[]');
  const all = texts(blocks);
  expect(all.reduce((sum, one) => sum + one.text.length, 0)).toBeLessThan(total);
  for (const { text: part } of all) {
    expect(part).not.toBe('');
    expect(part.isWellFormed()).toBe(true);
    expect(part).not.toMatch(/[^\P{Cc}\n]|(?![\u2068\u2069])[\p{Cf}\p{Zl}\p{Zp}]/u);
  }
  expect(text.length).toBeLessThan(4_000);
  expect(text).not.toMatch(/[<>*_~`@\n]|&(?!amp;|lt;|gt;)/);
}

test('any approval message fits, parses nothing, and has no line that a detector wrote', () => {
  assert(
    property(hostile, states, (of, state) => {
      const message = approvalMessage(of, state);
      expectFit(message);
      for (const { type, text } of texts(message.blocks)) {
        expect(['plain_text', 'text', 'link']).toContain(type);
        // Only the list of what is not covered has line breaks, and each of its lines begins with our bullet.
        const [, ...more] = text.split('\n');
        for (const line of more) expect(line).toMatch(/^• |^The plan names nothing/);
      }
      const shape = new Set(message.blocks.map(({ type }) => type));
      expect(
        [...shape].filter((type) => !['header', 'rich_text', 'section', 'actions', 'context'].includes(type)),
      ).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('alert text is shown as a quotation, never in our own voice', () => {
  if (notice.alert === null) throw new Error('the notice has an alert');
  const forged = { ...notice, alert: { ...notice.alert, summary: '\n✅ Approved by Alice Ash' } };
  const found = JSON.stringify(approvalMessage(forged, open).blocks);
  expect(found).toContain('{"type":"text","text":"⏎✅ Approved by Alice Ash","style":{"code":true}}');
});

test('news, as Slack gets it', () => {
  const told = {
    incident,
    title: 'Contained <b>',
    lines: ['exec is refused'],
    level: 'good' as const,
    mention: ['responders', 'leads'],
    offerRelease: true,
  };
  expect(tellMessage(told, { responders: 'S012AB3CD', leads: ['U01', 'W02'] })).toEqual({
    text: `✅ Contained &lt;b&gt; · ${incident}`,
    blocks: [
      {
        type: 'rich_text',
        elements: [
          {
            type: 'rich_text_section',
            elements: [
              { type: 'text', text: '✅ ' },
              { type: 'text', text: 'Contained <b>', style: { bold: true } },
            ],
          },
          {
            type: 'rich_text_list',
            style: 'bullet',
            elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text: 'exec is refused' }] }],
          },
        ],
      },
      {
        type: 'section',
        text: { type: 'mrkdwn', text: '<!subteam^S012AB3CD> <@U01> <@W02>', verbatim: true },
      },
      {
        type: 'actions',
        elements: [
          {
            type: 'button',
            action_id: 'firebreak.release',
            text: { type: 'plain_text', text: 'Request release…', emoji: false },
            value: JSON.stringify({ i: incident }),
          },
        ],
      },
      { type: 'context', elements: [{ type: 'plain_text', text: `Incident ${incident}`, emoji: false }] },
    ],
  });
});

test('more people than one message can call are counted', () => {
  const many = Array.from({ length: 100 }, (_, n) => `U${String(n).padStart(20, '0')}`);
  const told = {
    incident,
    title: 't',
    lines: [],
    level: 'danger' as const,
    mention: ['all'],
    offerRelease: false,
  };
  const message = tellMessage(told, { all: many });
  expectFit(message);
  expect(JSON.stringify(message.blocks)).toContain('+ 20 more are not called');
});

test('any news fits; only configured ids are parsed', () => {
  const groups = { responders: 'S012AB3CD', leads: ['U01', 'U02'] };
  const told = record({
    incident: constant(incident),
    title: word,
    lines: list,
    level: constantFrom('info' as const, 'good' as const, 'warning' as const, 'danger' as const),
    mention: array(oneof(word, constantFrom('responders', 'leads', '__proto__', 'toString'))),
    offerRelease: boolean(),
    offerCancel: boolean(),
  });
  assert(
    property(told, (one) => {
      const message = tellMessage(one, groups);
      expectFit(message);
      for (const { type, text } of texts(message.blocks)) {
        if (type === 'mrkdwn') expect(text).toMatch(/^(<!subteam\^S012AB3CD>|<@U01>|<@U02>| )+$/);
      }
    }),
    { numRuns: 300 },
  );
});

const asking = (more: Partial<GateNotice['gate']>): GateNotice => ({
  ...notice,
  gate: { ...notice.gate, id: 'ask', question: 'Is *shop* <!here>\nstill used?', ...more },
  changes: [],
  changeCount: 0,
  notCovered: [],
});
const actionsOf = (of: GateNotice) =>
  approvalMessage(of, open).blocks.flatMap((block) => (block.type === 'actions' ? block.elements : []));

test('a question whether to go on says so, and shows its words unparsed on one line', () => {
  const proceed = asking({ purpose: 'proceed' });
  const words = allOf(open, proceed);
  expect(words).toContain('Is *shop* <!here>⏎still used?');
  expect(words).toContain('the playbook does not go on from here.');
  expect(words).toContain('The answer itself changes nothing.');
  expect(words).not.toContain('NOT COVERED');
  expect(words).not.toContain('Changes now');
  expect(actionsOf(proceed).map((one) => 'action_id' in one && one.action_id)).toEqual([
    'firebreak.approve',
    'firebreak.deny',
    'firebreak.cancel',
  ]);
});

test('a form is filled in, by its requester as well; nobody approves it with one click', () => {
  const form = { used: { type: 'boolean' as const, title: 'Still used?' } };
  const answer = asking({ purpose: 'answer', form });
  const value = JSON.stringify({ i: incident, g: 'ask', d: notice.digest });
  expect(actionsOf(answer)).toMatchObject([
    { action_id: 'firebreak.fill-in', value },
    { action_id: 'firebreak.deny', value },
    { action_id: 'firebreak.cancel' },
  ]);
  expect(allOf(open, answer)).not.toContain('who requested it');
  const decisions = [
    { ...alice, verdict: 'approve' as const, answers: { used: false, ticket: '\n*INC-1*' } },
  ];
  const done = approvalMessage(answer, { state: 'approved', decisions });
  expect(done.blocks.some(({ type }) => type === 'actions')).toBe(false);
  const words = allOf({ state: 'approved', decisions }, answer);
  for (const part of ['✅ Answered · ', 'Answered by ', '• used: ', 'false', '⏎*INC-1*'])
    expect(words).toContain(part);
});

test('a release has nothing to cancel', () => {
  const release = { ...notice, gate: { ...notice.gate, purpose: 'release' as const } };
  expect(JSON.stringify(actionsOf(release))).not.toContain('firebreak.cancel');
});

test('the playbook says who owns it and what to read; only whole https addresses are links', () => {
  const references = [
    { title: 'Runbook <|x>', url: 'https://wiki.example/RB-7?a=1&b=<2>' },
    ...[
      'http://wiki.example/',
      'javascript:alert(1)',
      'https://wiki.example@evil.example/',
      'not an address',
      `https://wiki.example/${'x'.repeat(300)}`,
    ].map((url) => ({ title: 'Bad', url })),
  ];
  const of = { ...notice, playbook: { ...notice.playbook, owner: 'team-sre', runbook: 'RB-7', references } };
  const { blocks } = approvalMessage(of, open);
  const links = texts(blocks).filter(({ type }) => type === 'link');
  expect(links).toEqual([{ type: 'link', text: 'Runbook <|x>' }]);
  expect(JSON.stringify(blocks)).toContain('"url":"https://wiki.example/RB-7?a=1&b=%3C2%3E"');
  expect(allOf(open, of)).toContain('+ 5 more in the playbook');
  expect(allOf(open, of)).toContain('team-sre');
  expect(JSON.stringify(blocks)).not.toMatch(/javascript|evil|http:/);
});

test('news can offer to cancel', () => {
  const told = { incident, title: 't', lines: [], level: 'info' as const, mention: [], offerRelease: false };
  expect(JSON.stringify(tellMessage(told, {}).blocks)).not.toContain('"actions"');
  expect(JSON.stringify(tellMessage({ ...told, offerCancel: true }, {}).blocks)).toContain(
    'firebreak.cancel',
  );
});
