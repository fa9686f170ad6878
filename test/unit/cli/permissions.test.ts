import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { firebreak } from '../../support/cli.ts';

let dir: string;

const configuration = `
state: state
clusters: [{ name: prod, environment: production, kubeconfig: not-there-yet }]
accounts:
  - name: production
    environment: production
    id: '111122223333'
    region: eu-central-1
    role: { arn: 'arn:aws:iam::111122223333:role/firebreak' }
    breakGlass: ['arn:aws:iam::111122223333:user/break-glass']
    evidence: ['arn:aws:s3:::firebreak-evidence']
  - name: gov
    environment: production
    id: '444455556666'
    region: us-gov-west-1
    principal: 'arn:aws-us-gov:iam::444455556666:user/firebreak'
    managed: ['arn:aws-us-gov:iam::444455556666:role/apps/*']
forges: []
approvals:
  default: { from: [responders] }
  release: { from: [responders] }
  escalation: [responders]
`;

const playbook = (id: string, steps: string) => `
id: ${id}
name: ${id}
version: 1
inputs: { cluster: { type: string }, name: { type: string } }
steps:
${steps}
`;

const contain = (fields: string) => `
  - id: stop
    uses: aws.contain-function
    with: { ${fields} }
    approve: { from: [responders], within: 5m }
    undo: never
`;

async function write(id: string, steps: string): Promise<void> {
  await mkdir(join(dir, 'playbooks', id), { recursive: true });
  await writeFile(join(dir, 'playbooks', id, 'playbook.yaml'), playbook(id, steps));
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'firebreak-permissions-'));
  await writeFile(join(dir, 'firebreak.yaml'), configuration);
  await write('LITERAL', contain('account: production, function: checkout'));
  await write('OPEN', contain("account: gov, function: '${{ inputs.name }}', role: deny"));
  await write(
    'READ',
    "\n  - id: look\n    uses: kubernetes.read-namespace\n    with: { cluster: '${{ inputs.cluster }}', namespace: '${{ inputs.name }}' }\n",
  );
});

afterAll(() => rm(dir, { recursive: true, force: true }));

interface Printed {
  of: { playbooks: string[]; actions: string[] };
  kubernetes: { items: { kind: string; rules?: { resources: string[]; verbs: string[] }[] }[] };
  aws: {
    account: string;
    policies: { name: string; document: { Statement: { Action: string[]; Resource: string[] }[] } }[];
    guard: { document: { Statement: { Sid: string; Resource: string[] }[] } };
    wildcards: { resource: string }[];
  }[];
  services: object[];
}

async function json(...args: string[]): Promise<Printed> {
  const { code, stdout, stderr } = await firebreak(['permissions', '--json', ...args], { cwd: dir });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Printed;
}

test('all configured playbooks are taken where none is named, each account for what is used there', async () => {
  const { of, kubernetes, aws } = await json();
  expect(of).toEqual({
    playbooks: ['LITERAL', 'OPEN', 'READ'],
    actions: ['kubernetes.read-namespace', 'aws.contain-function'],
  });
  const rules = kubernetes.items.flatMap((item) => (item.kind === 'ClusterRole' ? (item.rules ?? []) : []));
  expect(rules).toContainEqual(expect.objectContaining({ resources: ['namespaces'], verbs: ['get'] }));
  const [production, gov] = aws.map(({ policies }) => policies.flatMap(({ document }) => document.Statement));
  const resources = (statements: typeof production) =>
    (statements ?? []).flatMap(({ Resource }) => Resource).toSorted();
  const lambda = 'arn:aws:lambda:eu-central-1:111122223333:';
  expect(resources(production)).toEqual([
    '*',
    `${lambda}event-source-mapping:*`,
    `${lambda}function:checkout`,
    `${lambda}function:checkout:*`,
  ]);
  expect(resources(gov)).toEqual([
    '*',
    'arn:aws-us-gov:iam::444455556666:role/apps/*',
    'arn:aws-us-gov:lambda:us-gov-west-1:444455556666:event-source-mapping:*',
    'arn:aws-us-gov:lambda:us-gov-west-1:444455556666:function:*',
  ]);
  const kept = aws[0]?.guard.document.Statement.flatMap(({ Resource }) => Resource);
  expect(kept).toEqual(
    expect.arrayContaining([
      'arn:aws:iam::111122223333:role/firebreak',
      'arn:aws:iam::111122223333:user/break-glass',
      'arn:aws:s3:::firebreak-evidence/*',
    ]),
  );
  expect(aws[1]?.wildcards.map(({ resource }) => resource)).not.toContain(
    'arn:aws-us-gov:iam::444455556666:role/apps/*',
  );
});

test('only for a playbook, a system, an account', async () => {
  const read = await json('--playbook', 'READ');
  expect(read.of.actions).toEqual(['kubernetes.read-namespace']);
  expect(read.aws.flatMap(({ policies }) => policies)).toEqual([]);
  const both = await json('--playbook', 'READ', 'LITERAL', '--system', 'aws', '--account', 'production');
  expect(Object.keys(both)).toEqual(['of', 'aws']);
  expect(both.aws.map(({ account }) => account)).toEqual(['production']);
  expect((await json('--playbook', 'LITERAL')).kubernetes.items).toEqual([]);
});

test('what is printed for people is manifests for kubectl, and nothing but comments beside them', async () => {
  const { stdout } = await firebreak(['permissions'], { cwd: dir });
  const kinds = parseAllDocuments(stdout).map(
    (document) => (document.toJS() as { kind: string } | null)?.kind,
  );
  expect(kinds).toEqual(expect.arrayContaining(['Namespace', 'ClusterRole', 'ClusterRoleBinding']));
  expect(kinds).not.toContain(undefined);
  for (const part of [
    '# AWS account production',
    '# firebreak-engine-boundary.json',
    '# Wildcards that stay:',
  ])
    expect(stdout).toContain(part);
});

test.each([
  [['--account', 'prodution'], 'did you mean "production"'],
  [['--cluster', 'prud'], 'did you mean "prod"'],
  [['--playbook', 'NOWHERE'], 'there is no playbook'],
  [['--all-actions', '--playbook', 'READ'], 'cannot be used with'],
  [['--system', 'azure'], 'Allowed choices are kubernetes, aws, services'],
])('a wrong wish ends with 2 and a hint: %j', async (args, hint) => {
  const { code, stdout, stderr } = await firebreak(['permissions', ...args], { cwd: dir });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(hint);
});

const file = (name: string) => ['--config', join(dir, name)];
const wish = (config: string, ...more: string[]) =>
  json(...file(config), '--playbook', join(dir, 'more', 'rotate.yaml'), ...more);

describe('secret stores', () => {
  const stores = `secretStores:
  - { name: vault, kind: aws-secrets-manager, account: gov, prefix: firebreak/ }
  - { name: shop, kind: kubernetes, cluster: prod, namespaces: [shop], secrets: [aws] }
`;
  const second = configuration.replace(
    'kubeconfig: not-there-yet }',
    'kubeconfig: not-there-yet }, { name: lab, environment: lab, kubeconfig: nor-this }',
  );
  const rotate = `
  - id: rotate
    uses: aws.rotate-access-key
    with: { account: production, user: ci, accessKeyId: '\${{ inputs.name }}', secret: vault/firebreak/ci, check: 'iam:GetUser' }
    approve: { from: [responders], within: 5m }
    undo: never
`;
  beforeAll(async () => {
    await writeFile(join(dir, 'one.yaml'), configuration + stores);
    await writeFile(join(dir, 'two.yaml'), second + stores);
    await mkdir(join(dir, 'more'), { recursive: true });
    await writeFile(join(dir, 'more', 'rotate.yaml'), playbook('ROTATE', rotate));
  });

  interface Role {
    kind: string;
    metadata: { name: string; namespace?: string };
    rules?: object[];
  }
  const secretRules = (items: Role[]) =>
    items.flatMap(({ kind, metadata: { namespace }, rules = [] }) =>
      rules
        .filter((rule) => JSON.stringify(rule).includes('"secrets"'))
        .map((rule) => ({ kind, namespace, ...rule })),
    );

  test('ask for rights in their namespaces, by the names of Secrets where RBAC knows them, and nowhere else', async () => {
    const { kubernetes } = await wish('one.yaml');
    const rule = { kind: 'Role', namespace: 'shop', apiGroups: [''], resources: ['secrets'] };
    const rules = secretRules(kubernetes.items as Role[]);
    expect(rules).toHaveLength(2);
    expect(rules).toEqual(
      expect.arrayContaining([
        { ...rule, verbs: ['get', 'patch'], resourceNames: ['aws'] },
        { ...rule, verbs: ['create'] },
      ]),
    );
  });

  test('ask for rights on their prefix in their own account, whichever account the playbook acts on', async () => {
    const { aws } = await wish('one.yaml');
    const [production, gov] = aws.map(({ policies }) =>
      policies
        .flatMap(({ document }) => document.Statement)
        .filter(({ Action }) => Action.some((action) => action.startsWith('secretsmanager:'))),
    );
    expect(production).toEqual([]);
    expect(gov).toEqual([
      expect.objectContaining({
        Action: [
          'secretsmanager:CreateSecret',
          'secretsmanager:GetSecretValue',
          'secretsmanager:PutSecretValue',
          'secretsmanager:TagResource',
          'secretsmanager:UpdateSecretVersionStage',
        ],
        Resource: ['arn:aws-us-gov:secretsmanager:us-gov-west-1:444455556666:secret:firebreak/*-??????'],
      }),
    ]);
  });

  test('of one cluster give no rights in another, and it must be said which one is meant', async () => {
    const args = ['permissions', ...file('two.yaml'), '--playbook', join(dir, 'more', 'rotate.yaml')];
    const { code, stdout, stderr } = await firebreak(args, { cwd: dir });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('--cluster prod | lab');
    expect(secretRules((await wish('two.yaml', '--cluster', 'lab')).kubernetes.items as Role[])).toEqual([]);
    expect(
      secretRules((await wish('two.yaml', '--cluster', 'prod')).kubernetes.items as Role[]),
    ).toHaveLength(2);
  });
});

test('a broken playbook among them is an error: the rights would be too few', async () => {
  await write('ZBROKEN', contain('account: production, funktion: checkout'));
  try {
    const { code, stdout } = await firebreak(['permissions'], { cwd: dir });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  } finally {
    await rm(join(dir, 'playbooks', 'ZBROKEN'), { recursive: true });
  }
});
