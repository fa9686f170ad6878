import { pino, type DestinationStream, type Logger } from 'pino';
import { redact } from '../domain/redaction.ts';

/** The engine's log: JSON lines, each without the secrets that were handled. To standard output when no destination is given. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = { level, hooks: { streamWrite: redact } };
  return destination === undefined ? pino(options) : pino(options, destination);
}
