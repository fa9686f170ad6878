import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { policyOf } from '../../../activities/aws/policy.ts';
import type { AwsPermission, Permission } from '../../../domain/permission.ts';

const place = { account: '111122223333', region: 'eu-central-1', partition: 'aws' };
const user = 'arn:${partition}:iam::${account}:user/*';
const permission = (
  actions: string[],
  resources: string[],
  extra: Partial<AwsPermission> = {},
): Permission => ({
  system: 'aws',
  actions,
  resources,
  why: 'a test',
  verb: 'apply',
  ...extra,
});

test('one statement for each set of resources and conditions, with actions merged and places filled in', () => {
  const conditions = { StringEquals: { 'aws:ResourceTag/managed': 'yes' } };
  const { Statement } = policyOf(
    [
      permission(['iam:UpdateAccessKey'], [user]),
      permission(['iam:GetUser', 'iam:UpdateAccessKey'], [user], { verb: 'plan' }),
      permission(['iam:DeleteUser'], [user], { conditions }),
      permission(['lambda:GetFunction'], ['arn:${partition}:lambda:${region}:${account}:function:*']),
      { system: 'github', scope: 'actions: write', why: 'not of AWS', verb: 'apply' },
    ],
    place,
  );
  expect(Statement.map((statement) => ({ ...statement, Sid: 'any' }))).toEqual(
    expect.arrayContaining([
      {
        Sid: 'any',
        Effect: 'Allow',
        Action: ['iam:GetUser', 'iam:UpdateAccessKey'],
        Resource: ['arn:aws:iam::111122223333:user/*'],
      },
      {
        Sid: 'any',
        Effect: 'Allow',
        Action: ['iam:DeleteUser'],
        Resource: ['arn:aws:iam::111122223333:user/*'],
        Condition: conditions,
      },
      {
        Sid: 'any',
        Effect: 'Allow',
        Action: ['lambda:GetFunction'],
        Resource: ['arn:aws:lambda:eu-central-1:111122223333:function:*'],
      },
    ]),
  );
  expect(Statement).toHaveLength(3);
});

const anyPermission = fc
  .record({
    actions: fc.uniqueArray(fc.constantFrom('iam:GetUser', 'iam:GetRole', 'sts:AssumeRole'), {
      minLength: 1,
    }),
    resources: fc.uniqueArray(fc.constantFrom('*', user, 'arn:aws:s3:::${aws:username}'), { minLength: 1 }),
    conditions: fc.option(fc.constant({ Bool: { 'aws:SecureTransport': 'true' } }), { nil: undefined }),
  })
  .map(({ actions, resources, conditions }) =>
    permission(actions, resources, conditions === undefined ? {} : { conditions }),
  );

test('the order of permissions and their repetition change nothing; Sids are unique', () => {
  fc.assert(
    fc.property(fc.array(anyPermission), (permissions) => {
      const document = policyOf(permissions, place);
      expect(policyOf([...permissions, ...permissions].toReversed(), place)).toEqual(document);
      const sids = document.Statement.map(({ Sid }) => Sid);
      expect(new Set(sids).size).toBe(sids.length);
      for (const sid of sids) expect(sid).toMatch(/^[A-Za-z0-9]+$/);
    }),
  );
  fc.assert(
    fc.property(fc.array(anyPermission), (permissions) => {
      const asked = permissions.flatMap((one) => {
        if (one.system !== 'aws') return [];
        const { actions, resources, conditions = null } = one;
        return actions.flatMap((action) => resources.map((resource) => ({ action, resource, conditions })));
      });
      const granted = policyOf(permissions, {
        account: '${account}',
        region: '${region}',
        partition: '${partition}',
      }).Statement.flatMap(({ Action, Resource, Condition = null }) =>
        Action.flatMap((action) => Resource.map((resource) => ({ action, resource, conditions: Condition }))),
      );
      type Grant = (typeof asked)[number];
      const gives = (wide: Grant, one: Grant) =>
        wide.action === one.action &&
        (wide.resource === '*' || wide.resource === one.resource) &&
        (wide.conditions === null || one.conditions !== null);
      // Nothing is granted that was not asked for, all that was is, and nothing twice.
      for (const one of granted) expect(asked).toContainEqual(one);
      for (const one of asked) expect(granted.some((wide) => gives(wide, one))).toBe(true);
      for (const one of granted) expect(granted.filter((wide) => gives(wide, one))).toEqual([one]);
    }),
  );
});
