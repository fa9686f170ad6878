import { expect, test } from '@jest/globals';
import { sum, tally } from '../../../script/suite/tally.ts';
import type { JestReport } from '../../../script/suite/tally.ts';

const report: JestReport = {
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 1,
  numTodoTests: 1,
  testResults: [],
};
const file = (results: Partial<JestReport['testResults'][number]>) => ({
  name: 'a.test.ts',
  status: 'failed',
  message: 'cannot be imported',
  assertionResults: [],
  ...results,
});

test('counts what jest says', () => {
  expect(tally(report, 0, 'test/unit')).toEqual({ passed: 3, failed: 0, skipped: 2, failures: [] });
});

test('a file that could not be run is a failure, though none of its tests failed', () => {
  const counted = tally({ ...report, testResults: [file({})] }, 1, 'test/unit');
  expect(counted.failed).toBe(1);
  expect(counted.failures).toEqual([{ where: 'a.test.ts', why: 'cannot be imported' }]);
});

test('an exit code that nothing explains is a failure', () => {
  expect(tally(report, 1, 'test/unit')).toMatchObject({ failed: 1, failures: [{ where: 'test/unit' }] });
});

test('a failed test brings its message, and its file is not counted again', () => {
  const assertionResults = [
    { fullName: 'one', status: 'failed', failureMessages: ['expected 1', 'and 2'] },
    { fullName: 'two', status: 'passed', failureMessages: [] },
  ];
  const counted = tally({ ...report, numFailedTests: 1, testResults: [file({ assertionResults })] }, 1, 'x');
  expect(counted.failures).toEqual([{ where: 'a.test.ts: one', why: 'expected 1\nand 2' }]);
  expect(sum([counted, counted])).toMatchObject({ passed: 6, failed: 2, skipped: 4 });
});
