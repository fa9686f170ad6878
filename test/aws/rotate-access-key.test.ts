import {
  CreateAccessKeyCommand,
  DeleteAccessKeyCommand,
  IAMClient,
  UpdateAccessKeyCommand,
} from '@aws-sdk/client-iam';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { failureTypes } from '../../domain/failure-types.ts';
import { Secret } from '../../domain/secret.ts';
import type { Intents } from '../support/action-context.ts';
import { breakGlassUser } from '../support/aws-house.ts';
import { awsPermissionsUsed, callsOf } from '../support/permissions-used.ts';
import {
  Killed,
  killedAt,
  leaked,
  openRotateHouse,
  planned,
  run,
  type RotateHouse,
  type Rotated,
} from '../support/rotate-house.ts';

let house: RotateHouse;
beforeAll(async () => {
  house = await openRotateHouse();
}, 180_000);
afterAll(() => house?.close());

/** Kills a worker at a boundary. */
const killingAt = (boundary: string) => (name: string) => {
  if (name === boundary) throw new Killed();
};
const inputOf = ({ user, old }: Rotated, quietHours = 24) => ({
  account: 'production',
  user,
  accessKeyId: old.accessKeyId,
  quietHours,
});

/** Kills a worker that waits for IAM, which it would do for a minute. */
function impatient() {
  let waits = 0;
  return (name: string) => {
    if (name.startsWith('await: ') && ++waits > 2) throw new Killed();
  };
}

async function refusedWith(action: Promise<unknown>, code: string): Promise<string> {
  const error: unknown = await action.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error(String(error));
  expect(error).toMatchObject({ type: failureTypes.refused, nonRetryable: true });
  expect(error.message).toMatch(new RegExp(`^${code}: `));
  return error.message;
}

const other = (keys: { [id: string]: string }, old: string) => Object.keys(keys).filter((id) => id !== old);

/** Exactly one managed key, stored and in use; the old one as `oldStatus` says; and nobody else's. */
async function settled({ user, old, input }: Rotated, oldStatus: string) {
  const keys = await house.keys(user);
  const stored = await house.stored(input.secret);
  expect(stored?.accessKeyId).not.toBe(old.accessKeyId);
  expect(keys).toEqual({ [old.accessKeyId]: oldStatus, [stored?.accessKeyId ?? '']: 'Active' });
  if (stored === undefined) throw new Error('nothing is stored');
  return stored;
}

describe('a rotation', () => {
  test.each(['local', 'vault'])(
    'in store %s: made, kept, proven, the old one off; verified by trying both; undone',
    async (store) => {
      const one = await house.user({ store });
      const { plan, mandate } = await planned(house, house.rotate, one.input);
      expect(plan).toMatchObject({
        authority: {
          targets: [
            { kind: 'AccessKey', cluster: 'aws:production', name: one.arn, uid: one.old.accessKeyId },
          ],
        },
        facts: [{ principal: one.arn, supports: [] }],
        changeCount: 3,
      });
      const applied = await run(house, house.rotate, 'apply', mandate);
      const fresh = await settled(one, 'Inactive');
      expect(applied).toMatchObject({
        already: 0,
        outputs: {
          oldKey: one.old.accessKeyId,
          newKey: fresh.accessKeyId,
          secret: one.input.secret,
          restarted: 0,
        },
      });
      expect([await house.works(one.old), await house.works(fresh)]).toEqual([false, true]);
      expect(await house.previous(one.input.secret)).toMatchObject({ accessKeyId: one.old.accessKeyId });
      const verified = await run(house, house.rotate, 'verify', mandate);
      expect(verified.state).toBe('in-place');
      expect(verified.claims.map(({ verdict }) => verdict)).toEqual([
        'verified',
        'verified',
        'verified',
        'unverifiable',
      ]);

      const again = await run(house, house.rotate, 'apply', mandate, {
        intents: new Map([
          ['create key 1', { data: { known: [one.old.accessKeyId] }, at: new Date().toISOString() }],
        ]),
      });
      expect(again).toMatchObject({ changes: [], already: 3 });

      const undone = await run(house, house.rotate, 'undo', mandate);
      expect(undone).toMatchObject({ conflicts: [], notRestored: [] });
      expect(undone.claims.map(({ verdict }) => verdict)).toEqual(['verified', 'verified', 'verified']);
      expect(await house.keys(one.user)).toEqual({
        [one.old.accessKeyId]: 'Active',
        [fresh.accessKeyId]: 'Inactive',
      });
      expect(await house.stored(one.input.secret)).toEqual(
        expect.objectContaining({ accessKeyId: one.old.accessKeyId }),
      );
      expect([await house.works(one.old), await house.works(fresh)]).toEqual([true, false]);
      expect(await run(house, house.rotate, 'verify', mandate)).toMatchObject({ verdict: 'failed' });
      expect(leaked(house, [one.old, fresh])).toEqual([]);
    },
    60_000,
  );

  test.each(['local', 'vault'])(
    'into a secret of store %s that holds nothing yet, as a credentials file',
    async (store) => {
      const one = await house.user({ store, kept: false, format: 'credentials-file' });
      const { mandate } = await planned(house, house.rotate, one.input);
      await run(house, house.rotate, 'apply', mandate);
      const fresh = await settled(one, 'Inactive');
      const at = house.secrets(one.input.secret);
      const text = (await at.store.read(at.path, { signal: AbortSignal.timeout(5_000) }))?.value.reveal();
      expect(text).toBe(
        `[default]\naws_access_key_id = ${fresh.accessKeyId}\naws_secret_access_key = ${fresh.secretAccessKey}\n`,
      );
      expect(await run(house, house.rotate, 'verify', mandate)).toMatchObject({ state: 'in-place' });
      const undone = await run(house, house.rotate, 'undo', mandate);
      expect(undone.notRestored).toEqual([expect.stringContaining('held nothing before')]);
      expect(await house.keys(one.user)).toEqual({
        [one.old.accessKeyId]: 'Active',
        [fresh.accessKeyId]: 'Inactive',
      });
    },
    60_000,
  );

  test('of a key that was Inactive before: the undo leaves it so', async () => {
    const one = await house.user();
    await house.iam.send(
      new UpdateAccessKeyCommand({
        UserName: one.user,
        AccessKeyId: one.old.accessKeyId,
        Status: 'Inactive',
      }),
    );
    const { mandate } = await planned(house, house.rotate, one.input);
    await run(house, house.rotate, 'apply', mandate);
    await settled(one, 'Inactive');
    await run(house, house.rotate, 'undo', mandate);
    expect((await house.keys(one.user))[one.old.accessKeyId]).toBe('Inactive');
  }, 60_000);

  test('waits while IAM does not know the new key everywhere', async () => {
    const one = await house.user();
    const { mandate } = await planned(house, house.rotate, one.input);
    house.aws.setPropagation(1_500);
    try {
      const applied = await run(house, house.rotate, 'apply', mandate);
      expect(applied.measures['provenMs']).toBeGreaterThan(1_000);
      const verified = await run(house, house.rotate, 'verify', mandate);
      expect(verified.state).toBe('in-place');
    } finally {
      house.aws.setPropagation(0);
      await house.aws.settled();
    }
  }, 60_000);
});

describe('a worker that is killed', () => {
  test.each(['apply', 'undo'] as const)(
    'at every boundary of %s leaves exactly one managed key, stored, none orphaned',
    async (verb) => {
      const ends: string[] = [];
      for (let nth = 1; ; nth++) {
        const one = await house.user({ store: nth % 2 === 0 ? 'vault' : 'local' });
        const { mandate } = await planned(house, house.hasty, one.input);
        if (verb === 'undo') await run(house, house.hasty, 'apply', mandate);
        const { at } = await killedAt(house, house.hasty, verb, mandate, nth);
        if (at === undefined) break;
        ends.push(at);
        if (verb === 'apply') {
          const fresh = await settled(one, 'Inactive');
          expect(await house.works(fresh)).toBe(true);
          expect(await run(house, house.hasty, 'verify', mandate)).toMatchObject({ state: 'in-place' });
          expect(leaked(house, [one.old, fresh])).toEqual([]);
        } else {
          const keys = await house.keys(one.user);
          expect(Object.values(keys).toSorted()).toEqual(['Active', 'Inactive']);
          expect(keys[one.old.accessKeyId]).toBe('Active');
          expect((await house.stored(one.input.secret))?.accessKeyId).toBe(one.old.accessKeyId);
        }
      }
      if (verb === 'apply')
        expect(ends).toEqual(
          expect.arrayContaining(['intended create key 1', 'create key', 'created key', 'stored key']),
        );
      expect(ends.length).toBeGreaterThan(4);
    },
    300_000,
  );

  test('right after CreateAccessKey, four times over: one key in the end, and every orphan gone', async () => {
    const one = await house.user();
    const { mandate } = await planned(house, house.hasty, one.input);
    const intents: Intents = new Map();
    for (let kill = 0; kill < 4; kill++) {
      const atBoundary = killingAt('created key');
      await expect(run(house, house.hasty, 'apply', mandate, { intents, atBoundary })).rejects.toThrow(
        Killed,
      );
      expect(other(await house.keys(one.user), one.old.accessKeyId)).toHaveLength(1);
    }
    const applied = await run(house, house.hasty, 'apply', mandate, { intents });
    await settled(one, 'Inactive');
    expect(applied.changes.filter(({ verb }) => verb === 'delete')).toHaveLength(1);
  }, 60_000);

  test.each(['CreateAccessKey', 'UpdateAccessKey', 'PutSecretValue', 'UpdateSecretVersionStage'])(
    'or whose answer to %s is lost',
    async (operation) => {
      const one = await house.user({ store: 'vault' });
      const { mandate } = await planned(house, house.hasty, one.input);
      const intents: Intents = new Map();
      const calls = () => house.aws.calls().filter(({ action }) => action === operation).length;
      const before = calls();
      house.aws.fault(operation, 'lose-answer');
      await run(house, house.hasty, 'apply', mandate, { intents }).catch(() =>
        run(house, house.hasty, 'apply', mandate, { intents }),
      );
      // Sent again: by the library where it may be, by us where the first one was looked for.
      expect(calls() - before).toBeGreaterThan(1);
      await settled(one, 'Inactive');
      expect(await run(house, house.hasty, 'verify', mandate)).toMatchObject({ state: 'in-place' });
    },
    60_000,
  );

  test('an undo after a kill right after CreateAccessKey removes the key that nobody has', async () => {
    const one = await house.user();
    const { mandate } = await planned(house, house.hasty, one.input);
    const atBoundary = killingAt('created key');
    await expect(run(house, house.hasty, 'apply', mandate, { atBoundary })).rejects.toThrow(Killed);
    expect(await run(house, house.hasty, 'undo', mandate)).toMatchObject({ conflicts: [] });
    expect(await house.keys(one.user)).toEqual({ [one.old.accessKeyId]: 'Active' });
  }, 60_000);
});

describe('a clear choice, and nothing touched', () => {
  test('with two keys: both are named with age and last use', async () => {
    const one = await house.user();
    const second = await house.aws.createKey(one.user);
    await house.use(second);
    const message = await refusedWith(planned(house, house.rotate, one.input), 'FB3340');
    expect(message).toContain(`${one.old.accessKeyId} (Active, made 0 minutes ago`);
    expect(message).toMatch(new RegExp(`${second.accessKeyId} \\(Active, .*last used 0 minutes ago by iam`));
    expect(message).toMatch(/aws\.contain-access-key.*aws\.delete-access-key/s);
    expect(Object.values(await house.keys(one.user))).toEqual(['Active', 'Active']);
    expect((await house.stored(one.input.secret))?.accessKeyId).toBe(one.old.accessKeyId);
  });

  test('with a second key that came after the approval', async () => {
    const one = await house.user();
    const { mandate } = await planned(house, house.hasty, one.input);
    const second = await house.aws.createKey(one.user);
    const intents: Intents = new Map();
    for (let attempt = 0; attempt < 2; attempt++)
      await refusedWith(run(house, house.hasty, 'apply', mandate, { intents }), 'FB3340');
    expect(await house.keys(one.user)).toEqual({
      [one.old.accessKeyId]: 'Active',
      [second.accessKeyId]: 'Active',
    });
  }, 60_000);

  test('with a second key that came just before ours, and that CloudTrail does not show yet', async () => {
    const one = await house.user();
    const { mandate } = await planned(house, house.rotate, one.input);
    house.aws.setTrailDelay(600_000);
    const atBoundary = async (name: string) => {
      if (name === 'create key') await house.aws.createKey(one.user);
    };
    await refusedWith(run(house, house.rotate, 'apply', mandate, { atBoundary }), 'FB3340');
    house.aws.setTrailDelay(0);
    expect(Object.values(await house.keys(one.user))).toEqual(['Active', 'Active']);
  }, 60_000);

  test("with somebody else's key in the place of the one that a killed worker was about to make", async () => {
    for (const trailDelay of [0, 60_000]) {
      const one = await house.user();
      const { mandate } = await planned(house, house.hasty, one.input);
      const intents: Intents = new Map();
      const atBoundary = killingAt('create key');
      await expect(run(house, house.hasty, 'apply', mandate, { intents, atBoundary })).rejects.toThrow(
        Killed,
      );
      const theirs = await house.aws.createKey(one.user);
      // Either CloudTrail says whose it is, or its use does.
      house.aws.setTrailDelay(trailDelay);
      if (trailDelay > 0) await house.use(theirs);
      const message = await refusedWith(run(house, house.hasty, 'apply', mandate, { intents }), 'FB3341');
      house.aws.setTrailDelay(0);
      expect(message).toContain(theirs.accessKeyId);
      expect(message).toContain(trailDelay > 0 ? 'it has been used' : 'testbed-admin made it');
      expect(await house.keys(one.user)).toEqual({
        [one.old.accessKeyId]: 'Active',
        [theirs.accessKeyId]: 'Active',
      });
      const undone = await run(house, house.hasty, 'undo', mandate);
      expect(undone.conflicts).toEqual([
        { object: `AccessKey ${theirs.accessKeyId}`, why: expect.stringContaining('FB3341') },
      ]);
      expect((await house.keys(one.user))[theirs.accessKeyId]).toBe('Active');
    }
  }, 60_000);

  test('with a secret that holds something else: another value, or another key', async () => {
    const one = await house.user({ kept: false });
    const { store, path } = house.secrets(one.input.secret);
    const call = { signal: AbortSignal.timeout(5_000) };
    const { version } = await store.write(path, new Secret('the password of a database'), call);
    const message = await refusedWith(planned(house, house.rotate, one.input), 'FB3342');
    expect(message).not.toContain('password of');
    const foreign = JSON.stringify({ accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'x'.repeat(40) });
    await store.write(path, new Secret(foreign), { ...call, version });
    await refusedWith(planned(house, house.rotate, one.input), 'FB3342');
    expect(Object.keys(await house.keys(one.user))).toHaveLength(1);
  });

  test("with the engine's own key, and with break-glass", async () => {
    await house.aws.createUser(breakGlassUser);
    const [id = ''] = Object.keys(await house.keys(breakGlassUser));
    const one = await house.user();
    const input = { ...one.input, user: breakGlassUser, accessKeyId: id, secret: 'local/ci/none' };
    const { plan, mandate } = await planned(house, house.rotate, input);
    expect(plan.facts[0]?.supports).toEqual([expect.stringContaining('breakGlass')]);
    await expect(run(house, house.rotate, 'apply', mandate)).rejects.toMatchObject({
      type: failureTypes.refused,
    });
    expect(Object.keys(await house.keys(breakGlassUser))).toHaveLength(1);
  });

  test('with a namesake that was made since', async () => {
    const one = await house.user();
    const { mandate } = await planned(house, house.rotate, one.input);
    const foreign = await house.user();
    await expect(
      run(house, house.rotate, 'apply', { ...mandate, input: { ...mandate.input, user: foreign.user } }),
    ).rejects.toMatchObject({ type: failureTypes.targetGone });
    expect(Object.keys(await house.keys(foreign.user))).toHaveLength(1);
  });
});

test('a new key that is not allowed the check leaves the old one as it is; the undo takes it away', async () => {
  const one = await house.user();
  const input = { ...one.input, check: 'sts:AssumeRole', checkOn: house.engineRoleArn };
  const { mandate } = await planned(house, house.rotate, input);
  await expect(run(house, house.rotate, 'apply', mandate, { atBoundary: impatient() })).rejects.toThrow(
    Killed,
  );
  await settled(one, 'Active');
  // All is written by the time that it tries the old key, which is not allowed the check either.
  await expect(run(house, house.rotate, 'undo', mandate, { atBoundary: impatient() })).rejects.toThrow(
    Killed,
  );
  expect((await house.stored(one.input.secret))?.accessKeyId).toBe(one.old.accessKeyId);
  expect(Object.values(await house.keys(one.user)).toSorted()).toEqual(['Active', 'Inactive']);
}, 120_000);

test('a store that somebody writes meanwhile keeps what they wrote, and no key is left over', async () => {
  const one = await house.user();
  const { mandate } = await planned(house, house.rotate, one.input);
  const { store, path } = house.secrets(one.input.secret);
  const call = { signal: AbortSignal.timeout(5_000) };
  const atBoundary = async (name: string) => {
    if (name !== 'created key') return;
    const read = await store.read(path, call);
    await store.write(path, new Secret('written by somebody else'), {
      ...call,
      ...(read === undefined ? {} : { version: read.version }),
    });
  };
  await expect(run(house, house.rotate, 'apply', mandate, { atBoundary })).rejects.toThrow('FB3402');
  expect(await house.keys(one.user)).toEqual({ [one.old.accessKeyId]: 'Active' });
  expect((await store.read(path, call))?.value.reveal()).toBe('written by somebody else');
}, 60_000);

test('two workers at once leave one managed key, stored', async () => {
  const one = await house.user();
  const { mandate } = await planned(house, house.hasty, one.input);
  const intents: Intents = new Map();
  await Promise.allSettled([1, 2].map(() => run(house, house.hasty, 'apply', mandate, { intents })));
  await run(house, house.hasty, 'apply', mandate, { intents });
  const fresh = await settled(one, 'Inactive');
  expect(await house.works(fresh)).toBe(true);
}, 60_000);

describe('aws.delete-access-key', () => {
  test('deletes what is Inactive and quiet, once; there is no undo', async () => {
    const one = await house.user();
    const admin = new IAMClient(house.aws.as(house.aws.admin));
    await expect(planned(house, house.remove, inputOf(one))).rejects.toThrow('FB3346');
    await admin.send(
      new UpdateAccessKeyCommand({
        UserName: one.user,
        AccessKeyId: one.old.accessKeyId,
        Status: 'Inactive',
      }),
    );
    const { plan, mandate } = await planned(house, house.remove, inputOf(one));
    expect(plan.authority).toMatchObject({ undo: 'none', exact: expect.stringMatching(/^sha256:/) });
    const applied = await run(house, house.remove, 'apply', mandate);
    expect(applied.changes).toHaveLength(1);
    expect(await run(house, house.remove, 'apply', mandate)).toMatchObject({ changes: [], already: 1 });
    expect(await run(house, house.remove, 'verify', mandate)).toMatchObject({
      state: 'in-place',
      verdict: 'verified',
    });
    expect(await house.keys(one.user)).toEqual({});
    await expect(house.remove.undo({} as never, mandate)).rejects.toMatchObject({
      type: failureTypes.refused,
    });
  });

  test('refuses one that was used lately, and one that is Active again since the approval', async () => {
    const one = await house.user();
    await house.use(one.old);
    const set = (Status: 'Active' | 'Inactive') =>
      house.iam.send(
        new UpdateAccessKeyCommand({ UserName: one.user, AccessKeyId: one.old.accessKeyId, Status }),
      );
    await set('Inactive');
    await expect(planned(house, house.remove, inputOf(one))).rejects.toThrow(
      /FB3346.*used within the last 24 hours/,
    );
    const { mandate } = await planned(house, house.remove, inputOf(one, 0));
    await set('Active');
    await expect(run(house, house.remove, 'apply', mandate)).rejects.toThrow('FB3346');
    expect(Object.keys(await house.keys(one.user))).toHaveLength(1);
  });
});

test('nothing that was said in all of this holds a secret of what was made', async () => {
  const one = await house.user();
  const { AccessKey } = await house.iam.send(new CreateAccessKeyCommand({ UserName: one.user }));
  await house.iam.send(
    new DeleteAccessKeyCommand({ UserName: one.user, AccessKeyId: AccessKey?.AccessKeyId }),
  );
  const { mandate } = await planned(house, house.rotate, one.input);
  await run(house, house.rotate, 'apply', mandate);
  expect(leaked(house, [one.old, await house.stored(one.input.secret)])).toEqual([]);
  expect(house.said.length).toBeGreaterThan(50);
}, 120_000);

test.each(['rotate', 'remove'] as const)(
  '%s: every permission is used, and nothing else was asked for',
  (of) => {
    const { id: account, region, partition } = house.account;
    const calls = callsOf(house.callsDuring[of](), 'firebreak');
    expect(awsPermissionsUsed(house[of], calls, { account, region, partition })).toEqual({
      unused: [],
      undeclared: [],
    });
  },
);
