import { randomBytes } from 'node:crypto';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  ListSecretVersionIdsCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { awsStore } from '../../activities/secrets/aws.ts';
import { storePermissions } from '../../activities/secrets/permissions.ts';
import { Secret, type SecretStore } from '../../domain/secret.ts';
import { accountName, openAwsHouse, type AwsHouse } from '../support/aws-house.ts';
import { promises } from '../support/secret-store.ts';

const scope = { kind: 'aws-secrets-manager' as const, account: accountName, prefix: 'ci/' };

let house: AwsHouse;
let store: SecretStore;
let admin: SecretsManagerClient;
beforeAll(async () => {
  house = await openAwsHouse();
  // Under the generated rights alone.
  await house.grant(storePermissions(scope, 'write', 'apply'));
  store = awsStore('vault', house.account, scope);
  admin = new SecretsManagerClient(house.aws.as(house.aws.admin));
}, 180_000);
afterAll(() => house?.close());

const fresh = () => `ci/deployer-${randomBytes(6).toString('hex')}`;
const call = { signal: AbortSignal.timeout(120_000), incident: 'inc-7' };

describe('the store in AWS Secrets Manager', () => {
  promises(async () => ({ store, path: fresh() }));

  test('makes a secret that says who made it; the session shows the incident', async () => {
    const path = fresh();
    await store.write(path, new Secret('value'), call);
    const { Tags } = await admin.send(new DescribeSecretCommand({ SecretId: path }));
    expect(Tags).toEqual([{ Key: 'managed-by', Value: 'firebreak' }]);
    expect(JSON.stringify(house.aws.calls())).toContain('firebreak-inc-7');
  });

  test.each([
    'secretsmanager:GetSecretValue',
    'secretsmanager:CreateSecret',
    'secretsmanager:TagResource',
    'secretsmanager:PutSecretValue',
    'secretsmanager:UpdateSecretVersionStage',
  ])('without %s it cannot make a secret and change it', async (left) => {
    const rights = storePermissions(scope, 'write', 'apply').filter(({ system }) => system === 'aws');
    const fewer = rights.map((right) =>
      right.system === 'aws' ? { ...right, actions: right.actions.filter((one) => one !== left) } : right,
    );
    expect(fewer).not.toEqual(rights);
    const path = fresh();
    const change = async () => {
      const { version } = await store.write(path, new Secret('first'), call);
      await store.write(path, new Secret('second'), { ...call, version });
    };
    try {
      await house.grant(fewer);
      await expect(change()).rejects.toMatchObject({ message: expect.stringContaining(left) });
    } finally {
      await house.grant(rights);
    }
  });

  test('its rights end where its prefix does, the secret that AWS would complete to it among them', async () => {
    // `ci` has an ARN that begins with `ci-`.
    const hyphen = { ...scope, prefix: 'ci-' };
    await admin.send(new CreateSecretCommand({ Name: 'ci', SecretString: 'other' }));
    await admin.send(new CreateSecretCommand({ Name: 'ci-one', SecretString: 'own' }));
    try {
      await house.grant(storePermissions(hyphen, 'write', 'apply'));
      const bound = awsStore('vault', house.account, hyphen);
      expect((await bound.read('ci-one', call))?.value.reveal()).toBe('own');
      await bound.write('ci-two', new Secret('value'), call);
      await expect(bound.read('ci', call)).rejects.toMatchObject({ code: 'FB3405' });
      // Not for the store's own word alone.
      const loose = awsStore('vault', house.account, { prefix: 'ci' });
      await expect(loose.read('ci', call)).rejects.toMatchObject({ name: 'AccessDeniedException' });
      await expect(loose.write('cinema', new Secret('value'), call)).rejects.toMatchObject({
        name: 'AccessDeniedException',
      });
    } finally {
      await house.grant(storePermissions(scope, 'write', 'apply'));
    }
  });

  test('AWSCURRENT and AWSPREVIOUS are as after a rotation, and no version of ours is left over', async () => {
    const path = fresh();
    const first = await store.write(path, new Secret('first'), call);
    const second = await store.write(path, new Secret('second'), { ...call, ...first });
    const { Versions = [] } = await admin.send(
      new ListSecretVersionIdsCommand({ SecretId: path, IncludeDeprecated: true }),
    );
    const stages = Object.fromEntries(
      Versions.map(({ VersionId = '', VersionStages }) => [VersionId, VersionStages]),
    );
    expect(Object.keys(stages).toSorted()).toEqual([first.version, second.version].toSorted());
    expect(stages[first.version]).toEqual(['AWSPREVIOUS']);
    expect(stages[second.version]).toEqual(expect.arrayContaining(['AWSCURRENT']));
  });

  test('a secret that has no value yet is given one', async () => {
    const path = fresh();
    await admin.send(new CreateSecretCommand({ Name: path }));
    await store.write(path, new Secret('value'), call);
    expect((await store.read(path, call))?.value.reveal()).toBe('value');
  });

  test.each(['PutSecretValue', 'UpdateSecretVersionStage'])(
    'an answer to %s that is lost changes nothing',
    async (operation) => {
      const path = fresh();
      const { version } = await store.write(path, new Secret('first'), call);
      const calls = () => house.aws.calls().filter(({ action }) => action === operation).length;
      const before = calls();
      house.aws.fault(operation, 'lose-answer');
      const written = await store
        .write(path, new Secret('second'), { ...call, version })
        .catch(() => store.write(path, new Secret('second'), { ...call, version }));
      expect(calls() - before).toBeGreaterThan(1);
      expect(await store.read(path, call)).toMatchObject(written);
      expect((await store.read(path, call))?.value.reveal()).toBe('second');
      expect((await store.previous(path, call))?.reveal()).toBe('first');
    },
  );

  test('an answer to CreateSecret that is lost is success', async () => {
    const path = fresh();
    house.aws.fault('CreateSecret', 'lose-answer');
    await store.write(path, new Secret('value'), call);
    expect((await store.read(path, call))?.value.reveal()).toBe('value');
  });

  test('the version tells nothing of the value: two stores give the same write another one', async () => {
    const [a, b] = [fresh(), fresh()];
    const other = awsStore('vault', house.account, scope);
    const one = await store.write(a, new Secret('guessable'), call);
    const two = await other.write(b, new Secret('guessable'), call);
    expect(one.version).not.toBe(two.version);
    expect(one.version).toMatch(/^[0-9a-f]{64}$/);
  });

  test('binary values and secrets on their way out are refused with the way out', async () => {
    const path = fresh();
    await admin.send(new CreateSecretCommand({ Name: path, SecretBinary: Buffer.from([0xff]) }));
    await expect(store.read(path, call)).rejects.toMatchObject({ code: 'FB3404' });
    const gone = fresh();
    await store.write(gone, new Secret('value'), call);
    await admin.send(new DeleteSecretCommand({ SecretId: gone, RecoveryWindowInDays: 7 }));
    await expect(store.read(gone, call)).rejects.toMatchObject({ code: 'FB3404' });
    await expect(store.write(gone, new Secret('new'), call)).rejects.toMatchObject({ code: 'FB3404' });
  });

  test.each(['', 'ci/a b', 'ci/ü', `ci/${'x'.repeat(510)}`, 'ci/a\nb'])(
    'the path %j is refused',
    async (path) => {
      await expect(store.read(path, call)).rejects.toMatchObject({ code: 'FB3403' });
    },
  );
});
