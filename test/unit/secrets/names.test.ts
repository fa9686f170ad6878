import fc from 'fast-check';
import { describe, expect, test } from '@jest/globals';
import { keyIn, written } from '../../../activities/aws/rotate-access-key/credential.ts';
import { fileStore } from '../../../activities/secrets/file.ts';
import { secretStores } from '../../../activities/secrets/index.ts';
import { placeholder } from '../../../domain/redaction.ts';
import { Secret } from '../../../domain/secret.ts';

describe('the name of a secret', () => {
  const stores = secretStores(
    [fileStore('local', '/nowhere'), fileStore('vault', '/nowhere')],
    [
      { kind: 'file' },
      { kind: 'kubernetes', cluster: 'prod', namespaces: ['shop'] },
      { kind: 'aws-secrets-manager', account: 'production', prefix: 'ci-' },
    ],
  );

  test('begins with its store; the rest is the path', () => {
    expect(stores('vault/ci/deployer')).toMatchObject({ store: { name: 'vault' }, path: 'ci/deployer' });
  });

  test.each(['vault', 'vault/', '/ci', '', 'volt/ci', 'constructor/x'])(
    '%j is refused, naming the stores',
    (name) => {
      expect(() => stores(name)).toThrow(
        expect.objectContaining({ code: 'FB3401', message: expect.stringContaining('local, vault') }),
      );
    },
  );

  const arn = 'arn:${partition}:secretsmanager:${region}:${account}:secret:ci-*-??????';

  test('rights are asked for where the stores are bound to, and to read no more than to read', () => {
    const shop = { system: 'kubernetes', cluster: 'prod', namespace: 'shop' };
    expect(stores.permissions?.('read', 'plan')).toMatchObject([
      { ...shop, verbs: ['get'], verb: 'plan' },
      {
        account: 'production',
        actions: ['secretsmanager:GetSecretValue'],
        resources: [arn],
        verb: 'plan',
      },
    ]);
    expect(stores.permissions?.('write', 'apply')).toMatchObject([
      { ...shop, verbs: ['get', 'patch'] },
      { ...shop, verbs: ['create'] },
      { actions: expect.arrayContaining(['secretsmanager:TagResource']), resources: [arn] },
    ]);
    expect(secretStores([]).permissions?.('write', 'apply')).toEqual([]);
  });
});

const id = fc.stringMatching(/^AKIA[A-Z0-9]{16}$/);
const value = fc.stringMatching(/^[A-Za-z0-9/+]{40}$/);

describe('a key as its consumers read it', () => {
  test('is read as it was written, in both formats, and shows itself to nobody', () => {
    fc.assert(
      fc.property(
        id,
        value,
        fc.constantFrom('json' as const, 'credentials-file' as const),
        (accessKeyId, secretAccessKey, format) => {
          const key = { accessKeyId, secretAccessKey };
          const stored = written(key, format);
          expect(keyIn(stored)).toEqual(key);
          expect(`${String(stored)} ${JSON.stringify(stored)}`).toBe(`${placeholder} "${placeholder}"`);
        },
      ),
    );
  });

  test('anything else is none: it would be lost', () => {
    const pair = 'aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = abc\n';
    for (const text of [
      'a password',
      '{"accessKeyId":"AKIAIOSFODNN7EXAMPLE"}',
      '{"password":"x"}',
      '{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","secretAccessKey":"abc","bucket":"shop"}',
      '[1]',
      'null',
      `[default]\n${pair}[other]\n${pair}`,
      `[default]\n${pair}region = eu-central-1\n`,
      `[other]\n${pair}`,
    ])
      expect(keyIn(new Secret(text))).toBeUndefined();
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (text) => {
        expect(keyIn(new Secret(text))).toBeUndefined();
      }),
    );
  });
});
