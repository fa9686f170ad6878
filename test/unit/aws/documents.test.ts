import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  cutOffAt,
  cutOffOf,
  denyAssuming,
  denyEverything,
  denySessionsBefore,
  isSameDocument,
} from '../../../activities/aws/containment/documents.ts';
import { principalName, principalPattern } from '../../../activities/aws/containment/principal.ts';

test('a session that was issued before, in the same second too, is from before the cut-off; it is less than a second away', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date(0), max: new Date('2200-01-01'), noInvalidDate: true }), (now) => {
      const cutOff = Date.parse(cutOffAt(now));
      // AWS keeps the time of issue in whole seconds.
      expect(Math.floor(now.getTime() / 1000) * 1000).toBeLessThan(cutOff);
      expect(cutOff - now.getTime()).toBeLessThanOrEqual(1000);
      expect(cutOff % 1000).toBe(0);
    }),
  );
});

test('a cut-off is read from a document of ours alone, however it is written', () => {
  const cutOff = '2026-01-02T03:04:05Z';
  const ours = denySessionsBefore(cutOff);
  expect(cutOffOf(ours)).toBe(cutOff);
  expect(cutOffOf(JSON.stringify(JSON.parse(ours), undefined, 4))).toBe(cutOff);
  const allows = ours.replace('"Deny"', '"Allow"');
  const more = ours.replace('"Action":"*"', '"Action":"s3:*"');
  const other = ours.replace('}]', '},{"Effect":"Allow","Action":"*","Resource":"*"}]');
  for (const text of [allows, more, other, denyEverything, denyAssuming, '', '{', 'null', '[]']) {
    expect(cutOffOf(text)).toBeUndefined();
  }
});

test('documents are the same whatever their spaces and the order of their keys, and not by the order of their lists', () => {
  expect(isSameDocument('{"a": [1, 2], "b": 3}', '{"b":3,"a":[1,2]}')).toBe(true);
  expect(isSameDocument('{"a":[2,1]}', '{"a":[1,2]}')).toBe(false);
  expect(isSameDocument('{', '{')).toBe(true);
  expect(isSameDocument('{', '{}')).toBe(false);
});

test('a principal is named by kind and name, or by its ARN with its path', () => {
  expect(principalName('user/ci')).toEqual({ kind: 'user', name: 'ci' });
  const arn = 'arn:aws:iam::111122223333:role/team/a+b/deploy';
  expect(principalName(arn)).toEqual({ kind: 'role', name: 'deploy', arn });
  expect(principalName('role/user/x')).toEqual({ kind: 'role', name: 'x' });
  for (const text of [
    'ci',
    'group/ci',
    'user/',
    'user//ci',
    'user/c i',
    'arn:aws:iam::111122223333:root',
    'arn:aws:sts::111122223333:assumed-role/a/b',
    'xarn:aws:iam::111122223333:user/a',
    'user/ci\n',
  ]) {
    expect(text).not.toMatch(principalPattern);
  }
});
