import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { signedBytes, verifySigned } from '../../../domain/signature.ts';
import { openState } from '../../../stores/index.ts';
import { openSigner, readPublicKey } from '../../../stores/keys.ts';
import { openKillSwitch } from '../../../stores/kill-switch.ts';
import { openRecords } from '../../../stores/records.ts';
import { openTokens } from '../../../stores/tokens.ts';
import type { TokenRequest } from '../../../stores/tokens.ts';
import { temporaryDirectory } from '../../support/store-processes.ts';

const limits = { maxTotalBytes: 1e6, maxArtefactBytes: 1e6, maxRefusalsPerMinute: 10 };
const wanted: TokenRequest = { owner: 'person-1', scopes: ['alerts'], cluster: 'prod', label: 'falco' };

test('the kill switch: off once initialised, kept across openings, on when missing, damaged or a link', async () => {
  const dir = await temporaryDirectory();
  const file = join(dir, 'kill-switch.json');
  const killSwitch = await openKillSwitch(dir);
  expect(await killSwitch.read()).toMatchObject({ stopped: true, by: expect.stringContaining('missing') });
  await killSwitch.initialise();
  expect(await killSwitch.read()).toMatchObject({ stopped: false });
  await killSwitch.set({ stopped: true, by: 'person-1', reason: 'drill' });
  await killSwitch.initialise();
  expect(await (await openKillSwitch(dir)).read()).toMatchObject({
    stopped: true,
    by: 'person-1',
    reason: 'drill',
  });
  await killSwitch.set({ stopped: false, by: 'person-1', reason: 'over' });
  expect(await killSwitch.read()).toMatchObject({ stopped: false });
  const off = await readFile(file);
  for (const damage of ['', '{', '{"stopped":false}', off.subarray(0, -1), `${off.toString()}x`]) {
    await writeFile(file, damage);
    expect(await killSwitch.read()).toMatchObject({ stopped: true });
  }
  await writeFile(join(dir, 'off'), off);
  await rm(file);
  await symlink(join(dir, 'off'), file);
  expect(await killSwitch.read()).toMatchObject({ stopped: true });
});

test('a new state directory lets changes pass; one whose switch was removed does not', async () => {
  const dir = join(await temporaryDirectory(), 'state');
  const first = await openState(dir, limits);
  expect(await first.killSwitch.read()).toMatchObject({ stopped: false });
  await rm(join(dir, 'kill-switch'), { recursive: true });
  expect(await (await openState(dir, limits)).killSwitch.read()).toMatchObject({ stopped: true });
  await rm(join(dir, 'state.json'));
  await rm(join(dir, 'kill-switch'), { recursive: true });
  expect(await (await openState(dir, limits)).killSwitch.read()).toMatchObject({ stopped: true });
});

test('nothing in the state directory is open to others', async () => {
  const dir = join(await temporaryDirectory(), 'state');
  const state = await openState(dir, limits);
  await state.evidence.put('x', 'text/plain');
  await state.accessLog.append({ outcome: 'accepted', kind: 'alert', actor: 'a', detail: {} });
  await state.accessLog.close();
  await state.tokens.create(wanted);
  // The lock is an empty file.
  const open = readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => (statSync(join(dir, name)).mode & 0o077) !== 0)
    .filter((name) => statSync(join(dir, name)).size > 0);
  expect(open).toEqual([]);
});

test('a token is verified, listed without its secret, and ends at once when it is revoked elsewhere', async () => {
  const dir = await temporaryDirectory();
  const tokens = await openTokens(dir);
  const { id, secret } = await tokens.create(wanted);
  expect(secret).toMatch(/^fbt_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
  expect(await tokens.verify(secret)).toEqual({ ...wanted, id, createdAt: expect.any(String) });
  const other = await openTokens(dir);
  expect(JSON.stringify(await other.list())).not.toContain(secret.slice(-43));
  expect(readFileSync(join(dir, `${id}.token`), 'utf8')).not.toContain(secret.slice(-43));
  await other.revoke(id, 'person-2');
  await other.revoke(id, 'person-3');
  expect(await tokens.verify(secret)).toBeUndefined();
  expect(await tokens.list()).toMatchObject([{ id, revoked: { by: 'person-2' } }]);
});

test('what is not the token is refused: every altered character, other ids, other forms', async () => {
  const tokens = await openTokens(await temporaryDirectory());
  const { id, secret } = await tokens.create(wanted);
  const { secret: another } = await tokens.create(wanted);
  for (let at = 0; at < secret.length; at++) {
    const altered = `${secret.slice(0, at)}${secret[at] === 'A' ? 'B' : 'A'}${secret.slice(at + 1)}`;
    expect(await tokens.verify(altered)).toBeUndefined();
  }
  const swapped = `fbt_${id}_${another.slice(-43)}`;
  for (const wrong of [
    '',
    secret.slice(1),
    `${secret} `,
    `${secret}\n`,
    ` ${secret}`,
    `fbt_${id}_`,
    swapped,
    'fbt_../../x_y',
  ]) {
    expect(await tokens.verify(wrong)).toBeUndefined();
  }
});

test('a token expires, and one whose revocation is damaged stays revoked', async () => {
  let now = new Date('2026-01-01T00:00:00Z');
  const dir = await temporaryDirectory();
  const tokens = await openTokens(dir, () => now);
  const { secret } = await tokens.create({ ...wanted, expiresAt: '2026-01-02T00:00:00Z' });
  expect(await tokens.verify(secret)).toBeDefined();
  now = new Date('2026-01-02T00:00:00Z');
  expect(await tokens.verify(secret)).toBeUndefined();
  const { id, secret: second } = await tokens.create(wanted);
  await writeFile(join(dir, `${id}.revoked`), '');
  expect(await tokens.verify(second)).toBeUndefined();
  await expect(tokens.revoke('0000000000000000', 'person-1')).rejects.toThrow('FB6211');
  await expect(tokens.revoke('../x', 'person-1')).rejects.toThrow('FB6201');
  await expect(tokens.create({ ...wanted, scopes: [] })).rejects.toThrow('FB6210');
  await expect(tokens.create({ ...wanted, expiresAt: 'tomorrow' })).rejects.toThrow('FB6210');
});

test('a signer keeps its key; its signatures verify in pure JavaScript and by OpenSSL', async () => {
  const dir = await temporaryDirectory();
  const [signer, same] = await Promise.all([openSigner(dir, 'gateway'), openSigner(dir, 'gateway')]);
  expect(same.publicKey).toEqual(signer.publicKey);
  const signed = await signer.sign({ type: 'test/v1', text: 'ä', n: 1.5 });
  expect(verifySigned(signed, 'test/v1', [signer.publicKey])).toBe(true);
  expect(
    verifySigned({ ...signed, payload: { ...signed.payload, n: 2 } }, 'test/v1', [signer.publicKey]),
  ).toBe(false);
  const bytes = Buffer.from(signed.signature, 'base64');
  expect(verify(null, signedBytes(signed.payload), createPublicKey(signer.publicKeyPem), bytes)).toBe(true);
  expect(readPublicKey(signer.publicKeyPem)).toEqual(signer.publicKey);
  expect(verifySigned(signed, 'test/v1', [(await openSigner(dir, 'ledger')).publicKey])).toBe(false);
});

test('a key that others can read, that is gone, or that is not the right one is refused', async () => {
  const dir = await temporaryDirectory();
  await openSigner(dir, 'gateway');
  const file = join(dir, 'gateway.pem');
  await chmod(file, 0o640);
  await expect(openSigner(dir, 'gateway')).rejects.toThrow('FB6213: gateway.pem can be read by others');
  await chmod(file, 0o600);
  const other = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  const original = await readFile(file);
  await writeFile(file, other);
  await expect(openSigner(dir, 'gateway')).rejects.toThrow('not the public half');
  await writeFile(file, generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await expect(openSigner(dir, 'gateway')).rejects.toThrow('not an Ed25519 key');
  await writeFile(file, 'junk');
  await expect(openSigner(dir, 'gateway')).rejects.toThrow('not a private key');
  await rm(file);
  await expect(openSigner(dir, 'gateway')).rejects.toThrow('gateway.pem is gone');
  await writeFile(join(dir, 'key'), original, { mode: 0o600 });
  await symlink(join(dir, 'key'), file);
  await expect(openSigner(dir, 'gateway')).rejects.toThrow('FB6203');
  expect(() => readPublicKey('junk')).toThrow('FB6213');
});

test('records are written once', async () => {
  const dir = await temporaryDirectory();
  const records = await openRecords(join(dir, 'exports'));
  await records.put('inc-1/history.json', 'one');
  await records.put('inc-1/history.json', Buffer.from('one'));
  await expect(records.put('inc-1/history.json', 'two')).rejects.toThrow('FB6205');
  expect(Buffer.from((await records.get('inc-1/history.json')) ?? []).toString()).toBe('one');
  expect(await records.get('inc-2/history.json')).toBeUndefined();
  expect([await records.list(), await records.list('inc-1')]).toEqual([['inc-1'], ['history.json']]);
  for (const name of ['../x', 'inc-1/../../x', '/x', '', 'inc-1//x', '.drafts/x']) {
    await expect(records.put(name, 'x')).rejects.toThrow('FB6201');
  }
  await mkdir(join(dir, 'elsewhere'));
  await symlink(join(dir, 'elsewhere'), join(dir, 'exports', 'inc-3'));
  await expect(records.put('inc-3/x', 'x')).rejects.toThrow('FB6203');
});
