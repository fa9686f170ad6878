import { LogLevel, type Logger } from '@slack/bolt';
import type { FastifyBaseLogger } from 'fastify';

/**
 * Bolt's and WebClient's log lines, in the gateway's log. Their debug lines print requests and payloads, so these are dropped; what looks like a
 * token or a response_url is removed from the rest.
 */
export function boltLogger(logger: FastifyBaseLogger): Logger {
  const log = logger.child({ component: 'slack' });
  return {
    debug: () => undefined,
    info: (...parts) => log.debug(line(parts)),
    warn: (...parts) => log.warn(line(parts)),
    error: (...parts) => log.error(line(parts)),
    setLevel: () => undefined,
    getLevel: () => LogLevel.INFO,
    setName: () => undefined,
  };
}

const secret =
  /xox[a-z]-[\w-]+|xapp-[\w-]+|https?:\/\/hooks\.slack\.com\/\S+|\/(?:actions|services)\/T\w+\/\S+/g;

function line(parts: readonly unknown[]): string {
  const text = parts.map((part) => (part instanceof Error ? `${part.name}: ${part.message}` : String(part)));
  return text.join(' ').replace(secret, '[removed]').slice(0, 500);
}
