import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { kitConfigMap, releaseScript } from '../../../activities/kubernetes/quarantine/release-kit.ts';
import type { KubernetesObject } from '../../../activities/kubernetes/resources.ts';

const uid = '0b8d3c1e-1111-2222-3333-444455556666';

function source(annotations: { [key: string]: string }, overrides: object = {}) {
  const removed: KubernetesObject = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: {
      name: 'allow',
      namespace: 'shop',
      uid: 'server-set',
      resourceVersion: '7',
      managedFields: [],
      annotations,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'gone' }],
    },
    spec: { podSelector: {}, ingress: [{}] },
  };
  return {
    cluster: 'c',
    namespace: 'shop',
    uid,
    removed: [removed],
    others: [],
    base: 'sha256:00',
    ...overrides,
  } as Parameters<typeof releaseScript>[0];
}

/** Runs the script against a kubectl that says yes, finds nothing, and writes down what is created. */
async function runScript(script: string): Promise<{ stdout: string; created: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-kit-'));
  try {
    const kubectl = join(dir, 'kubectl');
    await writeFile(
      kubectl,
      `#!/bin/sh\ncase "$1 $2" in\n  'get namespace') printf '%s' '${uid}' ;;\n  'create -n') cat >>'${dir}/created' ;;\nesac\n`,
    );
    await chmod(kubectl, 0o755);
    const { stdout } = await promisify(execFile)('sh', ['-c', script], {
      env: { ...process.env, KUBECTL: kubectl },
    });
    return { stdout, created: await readFile(join(dir, 'created'), 'utf8') };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

test('whatever an annotation holds reaches kubectl unchanged, and never the shell', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom("'; exit 9; '", '$(exit 9)', '`exit 9`', 'a\nFIREBREAK\nexit 9\n', '\\'),
      ),
      async (text) => {
        const value = text.toWellFormed();
        const { stdout, created } = await runScript(releaseScript(source({ note: value })));
        expect(JSON.parse(created)).toEqual({
          apiVersion: 'networking.k8s.io/v1',
          kind: 'NetworkPolicy',
          metadata: { name: 'allow', namespace: 'shop', annotations: { note: value } },
          spec: { podSelector: {}, ingress: [{}] },
        });
        expect(stdout).toContain('released: namespace shop');
      },
    ),
    { numRuns: 40 },
  );
}, 60_000);

test.each([
  ['namespace', { namespace: "x'; rm -rf /; '" }],
  ['UID', { uid: '$(id)' }],
])('a %s that is no name makes no script', (_, overrides) => {
  expect(() => releaseScript(source({}, overrides))).toThrow('FB3209');
});

test("a cluster's name cannot leave its comment", () => {
  const script = releaseScript(source({}, { cluster: 'c\nexit 9 #' }));
  expect(script.split('\n')[1]).toBe(
    '# Releases namespace shop of cluster c?exit?9?? from its quarantine, without Firebreak.',
  );
});

test('a kit that a ConfigMap cannot hold leaves a pointer', () => {
  const big = source({ note: 'x'.repeat(1_000_000) });
  const { object, whole } = kitConfigMap(big, releaseScript(big));
  expect(whole).toBe(false);
  expect(object['data']).toEqual({ README: expect.stringContaining('sha256:00') });
  const small = source({});
  expect(kitConfigMap(small, releaseScript(small))).toMatchObject({
    whole: true,
    object: { data: { 'release.sh': expect.any(String) } },
  });
});
