import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import {
  ApplicationFailure,
  CancelledFailure,
  defaultFailureConverter,
  defaultPayloadConverter,
} from '@temporalio/common';
import { FirebreakError } from '../../../domain/errors.ts';
import { Secret } from '../../../domain/secret.ts';
import { createLogger } from '../../../worker/logger.ts';
import { redactFailure } from '../../../worker/redact-failure.ts';

const value = `s3cret/${randomBytes(12).toString('base64')}`;
const secret = new Secret(value);

/** What the server is sent, and so the history. */
function sent(error: unknown): string {
  const failure = defaultFailureConverter.errorToFailure(error, defaultPayloadConverter);
  return JSON.stringify(failure, (_, each: unknown) =>
    each instanceof Uint8Array ? Buffer.from(each).toString('utf8') : each,
  );
}

function showsNothing(text: string) {
  expect(text).not.toContain(value);
  expect(text).not.toContain(Buffer.from(value).toString('base64'));
  expect(text).not.toContain(encodeURIComponent(value));
  expect(text).toContain('[secret]');
}

test.each([
  ['an error', () => new Error(`cannot send ${secret.reveal()}`)],
  [
    'an error with causes',
    () =>
      new TypeError('no', {
        cause: new Error('deep', { cause: new Error(`?${encodeURIComponent(value)}`) }),
      }),
  ],
  ['an error of ours', () => new FirebreakError('FB3404', `has ${value}`, {}, new Error(value))],
  [
    'a failure with details',
    () =>
      ApplicationFailure.create({
        message: 'm',
        type: 'T',
        details: [{ body: [Buffer.from(value).toString('base64')] }, value],
      }),
  ],
  ['a failure with a cause', () => ApplicationFailure.create({ message: 'm', cause: new Error(value) })],
  ['a text that was thrown', () => `thrown ${value}`],
  ['an object that was thrown', () => ({ said: value })],
  ['a cause that is a text', () => new Error('m', { cause: `said ${value}` })],
])('no secret leaves an activity in %s', (_, make) => {
  const redacted = redactFailure(make());
  showsNothing(sent(redacted));
  if (redacted instanceof Error) expect(redacted.stack).not.toContain(value);
});

test('what the interpreter decides by stays', () => {
  const failure = ApplicationFailure.create({
    message: `FB1303: ${value}`,
    type: 'Slack',
    nonRetryable: true,
    nextRetryDelay: 5_000,
    details: [{ status: 429 }],
  });
  expect(redactFailure(failure)).toMatchObject({
    message: 'FB1303: [secret]',
    type: 'Slack',
    nonRetryable: true,
    nextRetryDelay: 5_000,
    details: [{ status: 429 }],
  });
  expect(redactFailure(new RangeError('plain'))).toMatchObject({
    type: 'RangeError',
    message: 'plain',
    nonRetryable: false,
  });
});

test('a cancellation stays one, and so does an abort', () => {
  const cancelled = redactFailure(new CancelledFailure(`cancelled at ${value}`));
  expect(cancelled).toBeInstanceOf(CancelledFailure);
  expect(String(cancelled)).toContain('cancelled at [secret]');
  const aborted = AbortSignal.abort().reason;
  expect(redactFailure(aborted)).toBe(aborted);
});

test('a circle of causes ends', () => {
  const error = new Error(value);
  error.cause = error;
  expect(String(redactFailure(error))).not.toContain(value);
});

test('no secret gets into the log, and a line stays JSON', () => {
  let log = '';
  const logger = createLogger('info', { write: (line: string) => void (log += line) });
  logger.error(
    { err: new Error(value), url: `https://x:${value}@host/`, nested: { text: JSON.stringify({ value }) } },
    `failed with ${value}`,
  );
  logger.child({ [value]: Buffer.from(value).toString('hex') }).info('as before');
  showsNothing(log);
  const lines = log
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatchObject({ msg: 'as before', '[secret]': '[secret]' });
});

const at = (path: string) => JSON.stringify(fileURLToPath(new URL(`../../../${path}`, import.meta.url)));

test.each([
  ['Promise.reject(error)', 'lost [secret]'],
  ['setTimeout(() => { throw error; })', 'lost [secret]'],
  // Node itself leaves out what such an object holds.
  ['Promise.reject({ text: error.message })', 'ERR_UNHANDLED_REJECTION'],
  ['Promise.reject(error.message)', 'lost [secret]'],
])('no secret is among the last words of a process: %s', async (crash, words) => {
  const code = `
      const { redactCrashes } = await import(${at('cli/crash.ts')});
      const { Secret } = await import(${at('domain/secret.ts')});
      redactCrashes();
      const { VALUE } = process.env;
      const error = new Error('lost ' + new Secret(VALUE).reveal(), { cause: new Error(VALUE) });
      ${crash};
      await new Promise((resolve) => setTimeout(resolve, 10_000));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    env: { ...process.env, VALUE: value },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => void (said += chunk.toString()));
  const [exit] = await once(child, 'close');
  expect(exit).toBe(1);
  expect(said).not.toContain(value);
  expect(said).toContain(words);
});
