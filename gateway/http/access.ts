import type { FastifyBaseLogger } from 'fastify';
import type { AccessLog } from '../../domain/access-log.ts';

/**
 * An access log whose failures are logged and never reach a caller: a full disk must neither turn away an alert nor report a decision that was
 * taken as failed.
 */
export function tolerant(log: AccessLog, logger: FastifyBaseLogger): AccessLog {
  return {
    read: () => log.read(),
    append: async (record) => {
      try {
        await log.append(record);
      } catch (error) {
        logger.error(
          { err: error, kind: record.kind, outcome: record.outcome },
          'FB1901: the access log cannot be written',
        );
      }
    },
  };
}
