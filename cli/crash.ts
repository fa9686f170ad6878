import { types } from 'node:util';
import { redact, remember } from '../domain/redaction.ts';
import { truncate } from '../domain/safe-text.ts';
import { safe } from './output.ts';

/** Errors of errors, and causes of causes, that are told; a chain that is longer may be a circle. */
const deepest = 5;
const mostErrors = 10;
const mostCharacters = 200_000;
const mostLines = 200;

/** Secrets that libraries take from the environment by themselves; the others pass `readSecret`, which remembers them. */
const taken = ['AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];

/**
 * What nobody catches ends the process, as ever, and what it leaves holds no secret: neither its last words, for an exception or a rejection, which Node
 * raises as one, nor a diagnostic report. A core file and a heap snapshot hold memory as it is: SECURITY.md says what to do.
 */
export function redactCrashes(): void {
  for (const name of taken) remember(process.env[name] ?? '', 'always');
  refuseReports();
  process.on('uncaughtException', (error: unknown, origin) => {
    try {
      process.stderr.write(lastWords(error, origin));
    } finally {
      process.exit(1);
    }
  });
}

/**
 * Node's diagnostic reports hold the environment, and one of an exception its message and properties. `excludeEnv` leaves the environment out of neither a
 * report of a fatal error nor the part that each worker thread adds (seen with 24.9): none is written, whatever options Node was given.
 */
function refuseReports(): void {
  const { report } = process;
  report.reportOnUncaughtException = false;
  report.reportOnFatalError = false;
  if (!report.reportOnSignal) return;
  report.reportOnSignal = false;
  // Without a listener the signal would now end the process.
  process.on(report.signal, () => {
    process.stderr.write(
      'firebreak: no diagnostic report is written: it would hold secrets of the environment\n',
    );
  });
}

/** Why a process ends, redacted: errors by name, message, code and stack. Their other properties are left out, for they hold requests and headers. */
function lastWords(error: unknown, origin: string): string {
  const lines = redact(truncate(told(error, 0), mostCharacters))
    .split('\n')
    .slice(0, mostLines)
    .map((line) => safe(line, 2_000));
  return [`firebreak: FB6100: ended by an error that nobody caught (${origin}):`, ...lines, ''].join('\n');
}

function told(error: unknown, depth: number): string {
  try {
    if (typeof error === 'string') return error;
    if (!isError(error)) return 'something that is no error; it is left out';
    const code = 'code' in error ? ` [${String(error.code)}]` : '';
    const stack = error.stack ?? '';
    const own = stack.includes(error.message)
      ? `${stack}${code}`
      : `${error.name}: ${error.message}${code}\n${stack}`;
    const others = [
      ...(error.cause === undefined ? [] : [error.cause]),
      ...('errors' in error && Array.isArray(error.errors) ? error.errors.slice(0, mostErrors) : []),
    ];
    if (depth >= deepest) return own;
    return [own, ...others.map((other) => `caused by: ${told(other, depth + 1)}`)].join('\n');
  } catch {
    // Whatever was thrown may throw again when it is looked at.
    return 'an error that cannot be read';
  }
}

/** Also one of another realm, which is no instance of ours. */
function isError(error: unknown): error is Error {
  return error instanceof Error || types.isNativeError(error);
}
