import { inspect } from 'node:util';
import { redact } from '../domain/redaction.ts';

/**
 * What nobody catches ends the process, as ever, and its last words hold no secret: neither an exception's nor a rejection's, which Node raises as one.
 */
export function redactCrashes(): void {
  process.on('uncaughtException', (error: unknown) => {
    process.stderr.write(`${redact(inspect(error, { depth: 5 }))}\n`);
    process.exit(1);
  });
}
