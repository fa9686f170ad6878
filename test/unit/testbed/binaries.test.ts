import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveBinary } from '../../../testbed/binaries.ts';
import { BINARIES, BINARY_NAMES } from '../../../testbed/binaries/catalogue.ts';
import type { BinarySpec } from '../../../testbed/binaries/catalogue.ts';

const SPEC: BinarySpec = {
  version: '1.2.3',
  versionArgs: ['--version'],
  versionPattern: /tool v(\S+)/,
  recipe: {
    kind: 'module',
    package: 'example.test/cmd/tool',
    variables: { 'example.test/v.Version': '1.2.3' },
  },
  estimate: '1 minute',
};

/** Stands for Go: writes down how it was called, and installs a program. */
const FAKE_GO = `#!/bin/sh
[ "$1" = version ] && exit 0
printf '%s\\n' "$@" >> "$CALLS"
printf 'CGO_ENABLED=%s\\n' "$CGO_ENABLED" >> "$CALLS"
printf '#!/bin/sh\\n' > "$GOBIN/tool"
/bin/chmod +x "$GOBIN/tool"
`;

let dir: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'firebreak-test-'));
  env = { PATH: join(dir, 'path'), XDG_CACHE_HOME: join(dir, 'cache'), CALLS: join(dir, 'calls') };
});

afterEach(() => rm(dir, { recursive: true }));

async function executable(path: string, script: string): Promise<string> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, script);
  await chmod(path, 0o755);
  return path;
}

const reporting = (version: string): string => `#!/bin/sh\n[ "$1" = --version ] && echo "tool v${version}"\n`;

test('an explicit setting wins over PATH, whatever its version', async () => {
  const chosen = await executable(join(dir, 'mine'), reporting('9.9.9'));
  await executable(join(dir, 'path', 'tool'), reporting('1.2.3'));
  expect(await resolveBinary('tool', SPEC, { ...env, FIREBREAK_BIN_TOOL: chosen })).toBe(chosen);
});

test('a hyphen in the name is an underscore in the setting', async () => {
  const chosen = await executable(join(dir, 'mine'), '#!/bin/sh\n');
  expect(await resolveBinary('my-tool', SPEC, { ...env, FIREBREAK_BIN_MY_TOOL: chosen })).toBe(chosen);
});

test.each([
  ['is missing', async () => undefined],
  ['is not executable', async (path: string) => writeFile(path, 'text')],
  ['is a folder', async (path: string) => mkdir(path)],
])('a setting that %s is an error that names it, not a reason to look elsewhere', async (_, prepare) => {
  await executable(join(dir, 'path', 'tool'), reporting('1.2.3'));
  const path = join(dir, 'wrong');
  await prepare(path);
  await expect(resolveBinary('tool', SPEC, { ...env, FIREBREAK_BIN_TOOL: path })).rejects.toThrow(
    `FIREBREAK_BIN_TOOL is ${path}, which is not an executable file`,
  );
});

test('PATH is taken when it has the pinned version', async () => {
  const found = await executable(join(dir, 'path', 'tool'), reporting('1.2.3'));
  expect(await resolveBinary('tool', SPEC, env)).toBe(found);
});

test('another version, a program that fails and a relative folder on PATH are skipped for a later entry', async () => {
  await executable(join(dir, 'old', 'tool'), reporting('1.2.30'));
  await executable(join(dir, 'broken', 'tool'), '#!/bin/sh\nexit 3\n');
  const found = await executable(join(dir, 'new', 'tool'), reporting('1.2.3'));
  const PATH = ['.', '', ...['old', 'broken', 'absent', 'new'].map((name) => join(dir, name))].join(':');
  expect(await resolveBinary('tool', SPEC, { ...env, PATH })).toBe(found);
});

test('the cache is taken before anything is built', async () => {
  await executable(join(dir, 'path', 'tool'), reporting('0.1.0'));
  const cached = await executable(join(dir, 'cache', 'firebreak', 'bin', 'tool-1.2.3'), '#!/bin/sh\n');
  // There is no Go on this PATH: a build would fail.
  expect(await resolveBinary('tool', SPEC, env)).toBe(cached);
});

test('what is nowhere is built once into the cache, pinned and without cgo, and leaves no scratch', async () => {
  await executable(join(dir, 'path', 'go'), FAKE_GO);
  const expected = join(dir, 'cache', 'firebreak', 'bin', 'tool-1.2.3');
  const [first, second] = await Promise.all([
    resolveBinary('tool', SPEC, env),
    resolveBinary('tool', SPEC, env),
  ]);
  expect([first, second]).toEqual([expected, expected]);
  const calls = (await readFile(join(dir, 'calls'), 'utf8')).trim().split('\n');
  expect(calls).toEqual([
    'install',
    '-trimpath',
    '-buildvcs=false',
    '-ldflags',
    '-s -w -X example.test/v.Version=1.2.3',
    'example.test/cmd/tool@v1.2.3',
    'CGO_ENABLED=0',
  ]);
  expect(await readdir(join(dir, 'cache', 'firebreak', 'bin'))).toEqual(['build-tool.log', 'tool-1.2.3']);
});

test('a failed build says what Go said, caches nothing and leaves no lock behind', async () => {
  await executable(
    join(dir, 'path', 'go'),
    '#!/bin/sh\n[ "$1" = version ] && exit 0\necho "go: no such module" >&2\nexit 1\n',
  );
  await expect(resolveBinary('tool', SPEC, env)).rejects.toThrow(
    /building tool 1\.2\.3 failed[^]*go: no such module/,
  );
  expect(await readdir(join(dir, 'cache', 'firebreak', 'bin'))).toEqual(['build-tool.log']);
});

test('without Go the error names both ways out', async () => {
  await expect(resolveBinary('tool', SPEC, env)).rejects.toThrow(/install Go .* or set FIREBREAK_BIN_TOOL/);
});

test.each([
  ['etcd', 'etcd Version: 3.6.4\nGit SHA: Not provided', '3.6.4'],
  ['kube-apiserver', 'Kubernetes v1.34.4', '1.34.4'],
  ['kubectl', 'Client Version: v1.34.4\nKustomize Version: v5.7.1', '1.34.4'],
  ['kubectl', 'Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0', '1.32.4-dispatcher'],
  ['kwok', 'kwok version v0.8.0 go1.26.8 (linux/amd64)', '0.8.0'],
  ['cosign', 'cosign: A tool for signing\n\nGitVersion:    v3.1.3\nGitCommit:     unknown', '3.1.3'],
  ['fulcio', 'github.com/sigstore/fulcio v1.8.8', '1.8.8'],
  ['rekor', 'rekor-server: transparency log server (POSIX)\n\nGitVersion:    v2.3.0\n', '2.3.0'],
  ['timestamp-authority', 'github.com/sigstore/timestamp-authority/v2 v2.1.3', '2.1.3'],
  ['temporal', 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)', '1.5.1'],
] as const)('the version of %s is read from its own output', (name, output, version) => {
  expect(BINARIES[name].versionPattern.exec(output)?.[1]).toBe(version);
});

test('the list of names and the table agree', () => {
  expect([...BINARY_NAMES].toSorted()).toEqual(Object.keys(BINARIES).toSorted());
});
