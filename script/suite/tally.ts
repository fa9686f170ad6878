/** What jest's `--json` report says, as far as it is used here. */
export interface JestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: {
    name: string;
    status: string;
    message: string;
    assertionResults: { fullName: string; status: string; failureMessages: string[] | null }[];
  }[];
}

export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  /** For the end of the output: what failed, and why. */
  failures: { where: string; why: string }[];
}

export const passed = (): Tally => ({ passed: 1, failed: 0, skipped: 0, failures: [] });
export const skipped = (): Tally => ({ passed: 0, failed: 0, skipped: 1, failures: [] });
export const failed = (where: string, why: string): Tally => ({
  passed: 0,
  failed: 1,
  skipped: 0,
  failures: [{ where, why }],
});

/**
 * Counts a report. A file that could not be run counts as one failure, and so does an exit code that no failed test explains
 * (such as too slow a teardown): nothing that is wrong may count as nothing.
 */
export function tally(report: JestReport, code: number, where: string): Tally {
  const failures: Tally['failures'] = [];
  for (const { name, status, message, assertionResults } of report.testResults) {
    const wrong = assertionResults.filter((test) => test.status === 'failed');
    for (const { fullName, failureMessages } of wrong) {
      failures.push({ where: `${name}: ${fullName}`, why: (failureMessages ?? []).join('\n') });
    }
    if (status === 'failed' && wrong.length === 0) failures.push({ where: name, why: message });
  }
  if (code !== 0 && failures.length === 0) {
    failures.push({ where, why: `jest ended with exit code ${code}, though no test failed` });
  }
  return {
    passed: report.numPassedTests,
    failed: failures.length,
    skipped: report.numPendingTests + report.numTodoTests,
    failures,
  };
}

export function sum(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((total, each) => total + each.passed, 0),
    failed: tallies.reduce((total, each) => total + each.failed, 0),
    skipped: tallies.reduce((total, each) => total + each.skipped, 0),
    failures: tallies.flatMap((each) => each.failures),
  };
}
