import { describe, expect, test } from '@jest/globals';
import { createDirectory } from '../../../gateway/people.ts';
import { compileRoutes, RoutesInvalid } from '../../../gateway/routes.ts';
import { compileGenericSource } from '../../../gateway/detectors/generic.ts';
import { compilePlaybook } from '../../../language/compile/compile.ts';
import { compiledPlaybooks } from '../../support/gateway.ts';

describe('people', () => {
  const ana = {
    id: 'ana',
    name: 'Ana',
    slack: [
      { team: 'T1', user: 'U1' },
      { team: 'T2', user: 'U2' },
    ],
  };

  test('one person under two Slack ids is one person', () => {
    const directory = createDirectory([ana]);
    expect(directory.bySlack({ team: 'T1', user: 'U1' })).toBe(directory.bySlack({ team: 'T2', user: 'U2' }));
    expect(directory.bySlack({ team: 'T2', user: 'U1' })).toBeUndefined();
  });

  test.each([
    [
      'one Slack user of two persons',
      [ana, { id: 'ben', name: 'Ben', slack: [{ team: 'T1', user: 'U1' }] }],
      'FB1603',
    ],
    [
      'the same by enterprise',
      [
        { id: 'a', name: 'A', slack: [{ team: 'T1', user: 'U9', enterprise: 'E1' }] },
        { id: 'b', name: 'B', slack: [{ team: 'T2', user: 'U9', enterprise: 'E1' }] },
      ],
      'FB1603',
    ],
    [
      'that of an inactive person',
      [
        { ...ana, active: false },
        { id: 'ben', name: 'Ben', slack: [{ team: 'T1', user: 'U1' }] },
      ],
      'FB1603',
    ],
    ['an id twice', [ana, { id: 'ana', name: 'Other' }], 'FB1602'],
    ['a service named as a person', [ana, { id: 'ana', kind: 'service' }], 'FB1602'],
    ['a wrong shape', [{ id: 'Ana!' }], 'FB1601'],
    ['an unknown key', [{ ...ana, admin: true }], 'FB1601'],
  ])('%s is refused', (_name, people, code) => {
    expect(() => createDirectory(people)).toThrow(expect.objectContaining({ code }));
  });

  test('the inactive and services own or decide nothing they must not', () => {
    const directory = createDirectory([
      { ...ana, active: false },
      { id: 'falco', kind: 'service' },
    ]);
    expect(directory.bySlack({ team: 'T1', user: 'U1' })).toBeUndefined();
    expect([directory.mayOwnTokens('ana'), directory.mayOwnTokens('falco')]).toEqual([false, true]);
    expect(directory.person('falco')).toBeUndefined();
  });
});

const withSecret = (input: string): ReturnType<typeof compiledPlaybooks> => {
  const text = `id: S-1\nname: S\nversion: 1\ninputs: { token: ${input} }\nsteps:\n  - { id: a, wait: 5m }\n`;
  const made = compilePlaybook({ file: 's.yaml', text }, []);
  if ('problems' in made) throw new Error(JSON.stringify(made.problems));
  return new Map([['S-1', made.ok]]);
};

describe('routes', () => {
  const playbooks = compiledPlaybooks();
  const problems = (text: string) => {
    try {
      compileRoutes({ file: 'routes.yaml', text }, playbooks);
    } catch (error) {
      if (error instanceof RoutesInvalid) return error.problems;
      throw error;
    }
    return [];
  };
  const good =
    '  playbook: FB-001\n  inputs: { cluster: "${{ alert.cluster }}", namespace: "${{ alert.namespace }}" }\n';

  test('a secret that may be left out need not be given by a route, and one that may not must be', () => {
    const text = "- name: a\n  match: 'true'\n  playbook: S-1\n";
    const file = { file: 'routes.yaml', text };
    expect(compileRoutes(file, withSecret('{ type: secret, optional: true }'))).toHaveLength(1);
    expect(() => compileRoutes(file, withSecret('{ type: secret }'))).toThrow(RoutesInvalid);
  });

  test.each([
    [
      'an unknown name in CEL',
      `- name: a\n  match: alrt.rule == 'x'\n${good}`,
      { line: 2, column: 10, field: '[0].match', fix: 'did you mean "alert"?' },
    ],
    [
      'an unknown playbook',
      `- name: a\n  match: 'true'\n  playbook: FB-01\n`,
      { line: 3, column: 13, field: '[0].playbook', fix: 'did you mean "FB-001"?' },
    ],
    [
      'a missing input',
      `- name: a\n  match: 'true'\n  playbook: FB-001\n  inputs: { cluster: x }\n`,
      { line: 4, field: '[0].inputs', fix: 'add namespace here' },
    ],
    [
      'an unknown input',
      `- name: a\n  match: 'true'\n  playbook: FB-001\n  inputs: { cluster: x, namespace: y, namespce: z }\n`,
      { line: 4, column: 49, fix: 'did you mean "namespace"?' },
    ],
    [
      'an unknown key',
      `- name: a\n  match: 'true'\n  colour: red\n${good}`,
      { field: '[0]', fix: 'remove "colour"' },
    ],
    [
      'a wrong mode',
      `- name: a\n  match: 'true'\n  mode: yolo\n${good}`,
      { line: 3, column: 9, field: '[0].mode' },
    ],
    [
      'an open expression',
      `- name: a\n  match: 'true'\n  key: "\${{ alert.rule"\n${good}`,
      { line: 3, field: '[0].key', fix: 'end it with }}' },
    ],
    [
      'a name twice',
      `- name: a\n  match: 'true'\n${good}- name: a\n  match: 'true'\n${good}`,
      { line: 5, field: '[1].name' },
    ],
    ['no YAML', '- [', { line: 1 }],
  ])('%s is named with its place and a fix', (_name, text, expected) => {
    expect(problems(text)).toContainEqual(expect.objectContaining({ file: 'routes.yaml', ...expected }));
  });

  test('good routes compile', () => {
    expect(problems(`- name: a\n  match: alert.rule == 'x'\n${good}`)).toEqual([]);
  });
});

describe('generic sources', () => {
  const fields = { rule: 'body.rule', severity: 'body.level', namespace: 'body.ns' };
  test.each([
    ['a secret header', { name: 'x', headers: ['authorization'], fields }],
    ['no namespace', { name: 'x', fields: { rule: 'body.rule', severity: 'body.level' } }],
    ['an unknown name', { name: 'x', fields: { ...fields, pod: 'bdy.pod' } }],
    ['bad CEL', { name: 'x', fields: { ...fields, pod: 'body.' } }],
  ])('%s is refused', (_name, source) => {
    expect(() => compileGenericSource(source)).toThrow(expect.objectContaining({ code: 'FB1606' }));
  });
});
