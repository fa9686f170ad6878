import { createServer } from 'node:http';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from '@jest/globals';
import { checkImageRegistries, checkImages } from '../../../cli/checks/images.ts';
import { sha256 } from '../../../domain/json.ts';
import { loadConfiguration } from '../../../worker/config/load.ts';
import { freePort } from '../../../testbed/ports.ts';
import { pems } from '../../support/image-evidence.ts';
import { createSigstore } from '../../support/sigstore.ts';
import { temporaryDirectory } from '../../support/store-processes.ts';

const day = 86_400_000;
const now = new Date('2026-11-23T12:00:00Z');
let directory = '';

const policy = (more = '') => `
images: [{ repositories: ["registry.example/**"], signedBy: [{ key: release }] }]
keys: { release: { pem: ${JSON.stringify(pems.release)} } }
${more}`;

async function load(url = 'https://registry.example') {
  const file = join(directory, 'firebreak.yaml');
  await writeFile(
    file,
    `clusters: [{ name: shop, environment: production, kubeconfig: kubeconfig }]
approvals: { default: { from: [leads] }, release: { from: [leads] }, escalation: [leads] }
registries: [{ name: images, environment: production, kind: oci, host: registry.example, url: "${url}" }]
images: { policy: images.yaml }
`,
  );
  return loadConfiguration(file);
}
async function check(text: string, url?: string) {
  await writeFile(join(directory, 'images.yaml'), text);
  const checks = await checkImages(await load(url), now);
  return checks.map(({ name, state, detail }) => `${state} ${name}: ${detail}`);
}

beforeEach(async () => {
  directory = await temporaryDirectory();
});

test('a policy and a registry that can be used', async () => {
  expect(await check(policy())).toEqual([
    'ok registry registry.example: https://registry.example',
    `ok images.policy: ${join(directory, 'images.yaml')}`,
  ]);
});

test('without a policy nothing is said of it', async () => {
  const { images: _, ...without } = await load();
  expect(await checkImages(without, now)).toHaveLength(1);
});

test('every wrong field of the policy by itself, and a registry that cannot be asked', async () => {
  const found = await check(
    policy('window: { from: yesterday }\nkeyz: {}'),
    'https://user:pw@registry.example',
  );
  expect(found).toEqual([
    expect.stringMatching(/^failed registries: FB3802: registry registry\.example: url must be without cred/),
    expect.stringMatching(/^failed images\.policy: FB3811/),
    expect.stringMatching(/^failed images\.policy: window\.from: must be a time/),
    expect.stringMatching(/^failed images\.policy: .*keyz/),
  ]);
});

test('images of a registry that is not configured: nobody could read them', async () => {
  const text = policy().replace('["registry.example/**"]', '["docker.io/shop/*", "registry.example/**"]');
  expect(await check(text)).toContainEqual(expect.stringMatching(/^warning images\.policy: .*docker\.io/));
});

test('a trusted root that is old, or soon', async () => {
  const { trustedRoot } = await createSigstore();
  await writeFile(join(directory, 'root.json'), trustedRoot);
  const pinned = (age: number) =>
    policy(
      `trustedRoot: { file: root.json, sha256: "${sha256(trustedRoot)}", maxAgeDays: 30, asOf: "${new Date(now.getTime() - age * day).toISOString()}" }`,
    );
  expect(await check(pinned(1))).toHaveLength(2);
  expect(await check(pinned(28))).toContainEqual(
    expect.stringMatching(/^warning images\.policy trustedRoot/),
  );
  expect(await check(pinned(31))).toContainEqual(expect.stringMatching(/^failed images\.policy trustedRoot/));
  expect(await check(pinned(-1))).toContainEqual(expect.stringMatching(/^failed images\.policy trustedRoot/));
});

test('whether a registry answers: what asks for credentials does; what is away, or something else, does not', async () => {
  const answers = { '/v2/': 401, '/gone/v2/': 404 };
  const server = createServer(({ url = '' }, response) => {
    response.writeHead(answers[url as keyof typeof answers] ?? 500).end();
  });
  const port = await freePort();
  server.listen({ port, host: '127.0.0.1' });
  await once(server, 'listening');
  try {
    const states = async (url: string) => {
      const [one] = await checkImageRegistries(await load(url));
      return `${one?.state}: ${one?.detail}`;
    };
    expect(await states(`http://127.0.0.1:${port}`)).toMatch(/^ok: .* asks for credentials/);
    expect(await states(`http://127.0.0.1:${port}/gone`)).toMatch(/^failed: .*HTTP 404/);
  } finally {
    server.close();
    server.closeAllConnections();
  }
  const [away] = await checkImageRegistries(await load(`http://127.0.0.1:${port}`));
  expect(away).toMatchObject({ state: 'failed', detail: expect.stringContaining('ECONNREFUSED') });
});
