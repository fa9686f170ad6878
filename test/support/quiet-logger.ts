import { LogLevel } from '@slack/bolt';
import type { Logger } from '@slack/bolt';

const silent = (): void => undefined;

/** For tests that make Slack's SDK fail on purpose: it logs each failure that it also throws. */
export const quietLogger: Logger = {
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
  setLevel: silent,
  setName: silent,
  getLevel: () => LogLevel.ERROR,
};
