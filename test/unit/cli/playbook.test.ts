import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse, parseAllDocuments } from 'yaml';
import { active, createHouse, firebreak } from '../../support/cli.ts';

let house: Awaited<ReturnType<typeof createHouse>>;
beforeAll(async () => void (house = await createHouse()));
afterAll(() => house.remove());

const good = 'playbooks/FB-001-quarantine-namespace/playbook.yaml';

async function written(name: string, change: (text: string) => string): Promise<string> {
  const file = join(house.dir, `${name}.yaml`);
  await writeFile(file, change(await readFile(join(house.dir, good), 'utf8')));
  return file;
}

test('lint passes what is good: the directory of the configuration, a folder, a file', async () => {
  for (const paths of [[], ['playbooks'], ['playbooks/FB-001-quarantine-namespace'], [good]]) {
    const { code, stdout, stderr } = await firebreak(['playbook', 'lint', ...paths], { cwd: house.dir });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^[1-9]\d* playbooks?: 0 errors, 0 warnings\n$/);
  }
});

test('lint names file, line, column, code, field, what and how; ends with 1', async () => {
  const file = await written('bad', (text) => text.replace("namespace: '${{", "nmespace: '${{"));
  const { code, stdout } = await firebreak(['playbook', 'lint', file], { cwd: house.dir });
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /bad\.yaml:13:\d+: error FB2032 steps\[0\]\.with\.nmespace: .*\n {4}fix: .*namespace/,
  );
  expect(stdout).toMatch(/FB2031/);
  expect(stdout).not.toContain('\u001b');
  const json = await firebreak(['playbook', 'lint', file, '--json'], { cwd: house.dir });
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({
    ok: false,
    files: 1,
    problems: expect.arrayContaining([
      expect.objectContaining({
        code: 'FB2032',
        line: 13,
        severity: 'error',
        field: 'steps[0].with.nmespace',
      }),
    ]),
  });
});

test('a warning is no error, unless --strict says so', async () => {
  const file = await written('doubtful', (text) => text.replace(/^description[^]*?(?=^inputs)/m, ''));
  expect((await firebreak(['playbook', 'lint', file])).code).toBe(0);
  const strict = await firebreak(['playbook', 'lint', '--strict', file]);
  expect(strict.code).toBe(1);
  expect(strict.stdout).toContain('warning FB2092');
});

test('lint does not hide what it did not read', async () => {
  const missing = await firebreak(['playbook', 'lint', 'no-such.yaml']);
  expect(missing).toMatchObject({ code: 2, stdout: '' });
  expect(missing.stderr).toContain('FB6005');
  await mkdir(join(house.dir, 'empty'), { recursive: true });
  const empty = await firebreak(['playbook', 'lint', 'empty'], { cwd: house.dir });
  expect(empty.code).toBe(2);
  expect(empty.stderr).toContain('there is no playbook in empty');
});

test("text in a file cannot act on the reader's terminal", async () => {
  const file = await written('hostile', (text) =>
    text.replace('name: Quarantine', 'n"\u001b[2J\u202e": x\nname: Quarantine'),
  );
  const { stdout, stderr } = await firebreak(['playbook', 'lint', file]);
  expect(stdout).toContain('error');
  expect(stdout + stderr).not.toMatch(active);
});

test('the schema is one, and takes what the compiler takes', async () => {
  const { code, stdout } = await firebreak(['playbook', 'schema']);
  expect(code).toBe(0);
  const validate = new Ajv2020({ strict: false }).compile(JSON.parse(stdout));
  const playbook = parse(await readFile(join(house.dir, good), 'utf8'));
  expect(validate(playbook)).toBe(true);
  expect(validate({ ...playbook, steps: [{ id: 'x', uses: 'kubernetes.nothing' }] })).toBe(false);
});

test('plan checks its inputs before it calls anybody, and says when the cluster does not answer', async () => {
  const wrong = await firebreak(['playbook', 'plan', 'FB-001', '-i', 'nspace=x', '-i', 'cluster=prod'], {
    cwd: house.dir,
  });
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain('did you mean "namespace"?');
  expect(wrong.stderr).toContain('FB2061 inputs.namespace');
  const args = ['playbook', 'plan', 'FB-001', '-i', 'cluster=prod', '-i', 'namespace=shop'];
  const down = await firebreak([...args, '--json'], { cwd: house.dir });
  expect(down.code).toBe(1);
  expect(JSON.parse(down.stdout).steps[0].error).toContain('cannot be reached');
  const unknown = await firebreak(['playbook', 'plan', 'FB-01'], { cwd: house.dir });
  expect(unknown.stderr).toContain('did you mean "FB-001"?');
}, 60_000);

test('actions are described from their own contract', async () => {
  const list = await firebreak(['action', 'list', '--json']);
  const { actions } = JSON.parse(list.stdout);
  expect(actions.map(({ name }: { name: string }) => name)).toEqual(
    expect.arrayContaining(['kubernetes.quarantine-namespace', 'kubernetes.collect-evidence']),
  );
  const show = await firebreak(['action', 'show', 'kubernetes.quarantine-namespace']);
  for (const part of [
    'contain',
    'namespace (string, required)',
    'users: impersonate',
    'Not covered:',
    'undo 2 min',
  ])
    expect(show.stdout).toContain(part);
  expect(Math.max(...show.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  const unknown = await firebreak(['action', 'show', 'kubernetes.quarantine-namespac']);
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain('did you mean "kubernetes.quarantine-namespace"?');
});

test('permissions are manifests for whom was asked, with the configured responders', async () => {
  const { stdout } = await firebreak(['permissions', '--service-account', 'ops/engine', '-c', 'none.yaml']);
  const manifests = parseAllDocuments(stdout).map((document) => document.toJS());
  const role = manifests.find(
    ({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === 'firebreak-engine',
  );
  expect(role.rules).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ resources: ['networkpolicies'], verbs: expect.arrayContaining(['delete']) }),
    ]),
  );
  expect(JSON.stringify(role.rules)).not.toContain('"*"');
  const binding = manifests.find(
    ({ kind, metadata }) => kind === 'ClusterRoleBinding' && metadata.name === 'firebreak-engine',
  );
  expect(binding.subjects).toEqual([{ kind: 'ServiceAccount', namespace: 'ops', name: 'engine' }]);
  await writeFile(
    join(house.dir, 'group.yaml'),
    `${await readFile(join(house.dir, 'firebreak.yaml'), 'utf8')}responderGroup: blue-team\n`,
  );
  const configured = await firebreak(['permissions', '--all-actions', '-c', 'group.yaml'], {
    cwd: house.dir,
  });
  expect(configured.stdout).toContain('name: blue-team');
});

test('a reader that has seen enough is no failure', () => {
  const line = `set -o pipefail; "${process.execPath}" cli/bin.mjs playbook schema | head -n 1`;
  expect(execFileSync('bash', ['-c', line], { encoding: 'utf8' })).toBe('{\n');
});
