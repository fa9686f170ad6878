import { DefaultLogger, Runtime, type LogLevel } from '@temporalio/worker';
import type { Logger } from 'pino';

const levels: { [level in LogLevel]: 'trace' | 'debug' | 'info' | 'warn' | 'error' } = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
};

/** Sends what the SDK logs to ours. One Runtime a process: call it once, before any connection or worker. */
export function logTemporalTo(logger: Logger): void {
  const sink = logger.child({ room: 'temporal' });
  Runtime.install({
    // Whoever runs us stops gateway and worker in order.
    shutdownSignals: [],
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      // The SDK's own news is detail here; its warnings are not.
      const own = level === 'INFO' ? 'debug' : levels[level];
      sink[own](meta ?? {}, message);
    }),
  });
}
