import { App, SocketModeReceiver, type Receiver } from '@slack/bolt';
import { WebClient } from '@slack/web-api';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { AccessLog } from '../../domain/access-log.ts';
import type { DecisionService } from '../decisions.ts';
import type { GatewayPlugin } from '../dependencies.ts';
import type { Directory } from '../people.ts';
import { Problem } from '../problem.ts';
import { createAccounts } from './account.ts';
import { boltLogger } from './bolt-logger.ts';
import { addListeners } from './listeners.ts';
import { FastifyReceiver } from './receiver.ts';
import { createReplayMemory } from './replay-memory.ts';
import { addRoutes } from './routes.ts';

export interface SlackGatewayOptions {
  signingSecret: string;
  botToken: string;
  /** For tests; ends with `/api/`. */
  apiUrl?: string;
  directory: Pick<Directory, 'bySlack'>;
  accessLog: AccessLog;
  /** Where the signatures of the last minutes are kept, so that a restart does not forget them. */
  replayFile?: string;
  /** Slack's outbound web socket instead of a public address: then no route is added, and nothing is signed. */
  socketMode?: { appToken: string };
  logger: FastifyBaseLogger;
  /** Milliseconds; for tests. */
  now?: () => number;
}

/** Milliseconds for one call to Slack: less than the three seconds for which a trigger or a form waits. */
const callMs = 2_500;

/**
 * Slack's door: `POST /slack/interactions` and `/slack/events`, or Socket Mode. It authenticates requests and persons; whether a person may
 * decide is the incident's to judge.
 */
export function createSlackGateway(options: SlackGatewayOptions): GatewayPlugin {
  const now = options.now ?? Date.now;
  return {
    async register(app, { decisions }) {
      const { socketMode } = options;
      if (socketMode === undefined) {
        const receiver = new FastifyReceiver();
        build(options, receiver, decisions, now);
        const memory = createReplayMemory({
          ...(options.replayFile === undefined ? {} : { file: options.replayFile }),
          now: now(),
        });
        await app.register((scope: FastifyInstance, _options, done) => {
          const { signingSecret, accessLog, logger } = options;
          addRoutes(scope, { signingSecret, accessLog, logger, memory, receiver, now });
          scope.addHook('onClose', () => receiver.settled());
          done();
        });
        return;
      }
      const receiver = new SocketModeReceiver({
        appToken: socketMode.appToken,
        logger: boltLogger(options.logger),
        installerOptions: { clientOptions: clientOptions(options) },
      });
      build(options, receiver, decisions, now);
      app.addHook('onReady', async () => {
        await receiver.start();
      });
      app.addHook('onClose', async () => {
        await receiver.stop();
      });
    },
  };
}

function clientOptions({ apiUrl, logger }: SlackGatewayOptions) {
  return {
    logger: boltLogger(logger),
    ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }),
    timeout: callMs,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    // Bolt answers response_urls with this as well, and gives it no deadline.
    fetch: (url: string | URL | Request, init?: RequestInit) =>
      fetch(url, { ...init, signal: init?.signal ?? AbortSignal.timeout(callMs) }),
  };
}

function build(
  options: SlackGatewayOptions,
  receiver: Receiver,
  decisions: DecisionService,
  now: () => number,
): void {
  const { botToken, accessLog, directory, logger } = options;
  const bolt = new App({
    receiver,
    logger: boltLogger(logger),
    clientOptions: clientOptions(options),
    // One workspace or organisation, one token. Given as `token`, Bolt would ask Slack once at start and drop every click if that failed.
    authorize: () => Promise.resolve({ botToken }),
    convoStore: false,
    ignoreSelf: false,
    attachFunctionToken: false,
  });
  const client = new WebClient(botToken, clientOptions(options));
  addListeners(bolt, {
    accounts: createAccounts({ client, directory, now }),
    decisions,
    accessLog,
    client,
    logger,
  });
  bolt.error(async (error) => {
    const code = error instanceof Problem ? error.code : 'FB1900';
    logger.error({ err: `${error.name}: ${error.message}`, code }, 'a Slack request could not be handled');
    await accessLog.append({ outcome: 'refused', kind: 'slack', code, actor: 'slack', detail: {} });
  });
}
