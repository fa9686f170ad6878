/** Loaded into a process before its own code (`--import`): crashes it, once a file says how, by an error that carries what the process knows. */
import { existsSync, readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

/** How the process ends. `unguarded`: as if Firebreak had no handler, to see that the search finds what is there. */
export type Crash = 'exception' | 'rejection' | 'unguarded';

/** @param values what the process holds: tokens, passwords, values of the secret store */
function errorOf(values: readonly string[]): Error {
  const all = values.join(' and ');
  const request = {
    headers: { authorization: `Basic ${Buffer.from(`robot:${all}`).toString('base64')}` },
    body: JSON.stringify({ secrets: values }),
  };
  const cause = Object.assign(new TypeError(`terminated: ${all}`), { request, bytes: Buffer.from(all) });
  return Object.assign(
    new AggregateError(
      values.map((value) => new Error(`${encodeURIComponent(value)} ${Buffer.from(value).toString('hex')}`)),
      `lost: ${all} ${Buffer.from(all).toString('base64')}`,
      { cause },
    ),
    { config: request, response: { config: request } },
  );
}

function crash(how: Crash, values: readonly string[]): void {
  if (how === 'unguarded') process.removeAllListeners('uncaughtException');
  if (how === 'rejection') void Promise.reject(errorOf(values));
  else throw errorOf(values);
}

if (isMainThread) {
  const file = process.env['FIREBREAK_TEST_CRASH'] ?? '';
  const timer = setInterval(() => {
    if (!existsSync(file)) return;
    clearInterval(timer);
    const { how, values }: { how: Crash; values: string[] } = JSON.parse(readFileSync(file, 'utf8'));
    crash(how, values);
  }, 20);
  timer.unref();
}
