import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { sha256 } from '../../../domain/json.ts';
import { imagePolicyFile } from '../../../worker/image-policy.ts';
import { pems } from '../../support/image-evidence.ts';
import { createSigstore } from '../../support/sigstore.ts';

const dir = await mkdtemp(join(tmpdir(), 'firebreak-image-policy-'));
const file = join(dir, 'images.yaml');
const root = join(dir, 'root.json');
let rootText = '';
const inForce = imagePolicyFile(file);

const policy = (more = '') => `
images: [{ repositories: ["registry.example/**"], signedBy: [{ key: release }] }]
keys: { release: { pem: ${JSON.stringify(pems.release)} } }
${more}`;
const pin = (text: string) =>
  `trustedRoot: { file: root.json, sha256: "${sha256(text)}", asOf: 2026-11-01T00:00:00Z, maxAgeDays: 30 }`;

beforeAll(async () => {
  rootText = (await createSigstore()).trustedRoot;
});
beforeEach(() => writeFile(file, policy()));
afterAll(() => rm(dir, { recursive: true }));

test('without a policy nothing is judged, and it says which field to set', async () => {
  await expect(imagePolicyFile(undefined)()).rejects.toThrow(/FB3820.*images\.policy/);
});

test('a policy that changes counts at once, with its trust by another name; one that does not is the same', async () => {
  const before = await inForce();
  expect(await inForce()).toBe(before);
  await writeFile(file, policy(`deniedDigests: ["${sha256('bad')}"]`));
  const after = await inForce();
  expect(after.policy.deniedDigests).toEqual([sha256('bad')]);
  expect(after.digest).toBe(before.digest);
  await writeFile(file, policy().replace(pems.release.trim().split('\n').join('\\n'), ''));
  await expect(inForce()).rejects.toThrow(/FB3811.*keys\.release\.pem/s);
});

test('a fault is thrown, with its field, for as long as it stands: the policy before it is never gone back to', async () => {
  await inForce();
  await writeFile(file, policy('window: { from: yesterday }'));
  await expect(inForce()).rejects.toThrow(/FB3811.*window\.from/s);
  await expect(inForce()).rejects.toThrow('FB3811');
  await writeFile(file, policy('keys: {}'));
  await expect(inForce()).rejects.toThrow(/FB3821.*images\.yaml:4:1.*twice/s);
  await rm(file);
  await expect(inForce()).rejects.toThrow(/FB3821: images\.policy.*ENOENT/);
  await writeFile(file, policy());
  expect((await inForce()).policy.images).toHaveLength(1);
});

test('the trusted root is looked at each time, beside the policy, and must be the one pinned', async () => {
  await writeFile(file, policy(pin(rootText)));
  await rm(root, { force: true });
  await expect(inForce()).rejects.toThrow(/FB3812: trustedRoot\.file.*root\.json.*ENOENT/);
  await writeFile(root, rootText);
  const good = await inForce();
  expect(good.trust.root?.asOf).toEqual(new Date('2026-11-01T00:00:00Z'));
  await writeFile(root, rootText.replace('rekor', 'rogue'));
  await expect(inForce()).rejects.toThrow('FB3814');
  await writeFile(root, '{}');
  await writeFile(file, policy(pin('{}')));
  await expect(inForce()).rejects.toThrow('FB3813');
  await writeFile(root, rootText);
  await writeFile(file, policy(pin(rootText)));
  expect((await inForce()).digest).toBe(good.digest);
});
