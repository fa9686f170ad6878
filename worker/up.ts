import { join } from 'node:path';
import type { Worker } from '@temporalio/worker';
import type { Logger } from 'pino';
import { viewName } from '../activities/ledger/index.ts';
import { slackClient } from '../activities/slack/index.ts';
import { createExporter } from '../audit/exporter.ts';
import type { IncidentView } from '../domain/incident.ts';
import { compileGenericSource } from '../gateway/detectors/generic.ts';
import { createGateway, type Gateway } from '../gateway/http/server.ts';
import { createDirectory } from '../gateway/people.ts';
import { compileRoutes } from '../gateway/routes.ts';
import { boltLogger } from '../gateway/slack/bolt-logger.ts';
import { createSlackGateway } from '../gateway/slack/index.ts';
import { openState, type State } from '../stores/index.ts';
import { bundleWorkflows } from './bundle.ts';
import { catalogue, environmentOf } from './catalogue.ts';
import { readSecret, type Configuration } from './config/load.ts';
import { loadPlaybooks, PlaybooksInvalid } from './playbooks.ts';
import { policyOf } from './policy.ts';
import { readText } from './read-text.ts';
import { openTemporal, type TemporalAccess } from './temporal.ts';
import type { VerbOptions } from './verbs.ts';
import { createWorker } from './worker.ts';

export interface UpOptions {
  logger: Logger;
  /** For crash tests: waited for at every boundary of every activity. */
  atBoundary?: NonNullable<VerbOptions['atBoundary']>;
}

export interface Running {
  /** Where the gateway listens. */
  url: string;
  temporalAddress: string;
  temporalUi?: string;
  /** Resolves once the worker polls for the first time. */
  working: Promise<void>;
  /** Answers what is in flight, lets running activities end, and stops. May be repeated. */
  stop(): Promise<void>;
}

/** How often closed histories are looked for. Milliseconds. */
const exportMs = 5_000;

/** How long the worker waits before it tries Temporal again. Milliseconds. */
const reconnectMs = 2_000;

/**
 * Brings up gateway, worker and exporter in this process. Everything that can be refused is refused before anything listens.
 * @throws FirebreakError FB6xxx (configuration), FB2xxx (playbooks), FB1xxx (people, routes)
 */
export async function up(configuration: Configuration, options: UpOptions): Promise<Running> {
  const { logger } = options;
  const directory = createDirectory(configuration.people);
  const { actions, signatures } = catalogue(configuration);
  const loaded = await loadPlaybooks(configuration.playbooks, signatures);
  if (loaded.problems.length > 0) throw new PlaybooksInvalid(loaded.problems);
  const routes = compileRoutes(
    { file: configuration.routes, text: await readText('routes', configuration.routes) },
    loaded.playbooks,
  );
  const genericSources = new Map(
    Object.entries(configuration.sources).map(([name, source]) => [
      name,
      compileGenericSource({ name, ...source }),
    ]),
  );
  const slack = await slackSecrets(configuration);
  const state = await openState(configuration.state, {
    ...configuration.evidence,
    maxRefusalsPerMinute: configuration.limits.refusalsPerMinute,
    registryEvents: configuration.registryEvents,
  });
  const temporal = await openTemporal(configuration);
  let gateway: Gateway | undefined;
  try {
    gateway = createGateway({
      temporal: temporal.client,
      taskQueue: configuration.temporal.taskQueue,
      stores: state,
      signer: state.gatewaySigner,
      routes,
      playbooks: loaded.playbooks,
      policy: policyOf(configuration, directory, state.gatewaySigner.publicKey),
      directory,
      clusters: configuration.clusters.map(({ name }) => name),
      registries: configuration.registries.map(({ name }) => name),
      genericSources,
      closedIncident: (incident) => closedIncident(state, incident),
      ...(slack === undefined
        ? {}
        : {
            slack: createSlackGateway({
              ...slack,
              directory,
              accessLog: state.accessLog,
              replayFile: join(configuration.state, 'slack-signatures.json'),
              logger,
            }),
          }),
      logger,
    });
    const url = await gateway.listen(configuration.gateway);
    const exporter = createExporter({
      client: temporal.client,
      exports: state.exports,
      signer: state.ledgerSigner,
      log: logger,
      intervalMs: exportMs,
    });
    const worker = keepWorking(temporal, logger, async (connection) =>
      createWorker({
        connection,
        client: temporal.client,
        namespace: configuration.temporal.namespace,
        taskQueue: configuration.temporal.taskQueue,
        bundle: await bundleWorkflows(),
        actions,
        state,
        slack:
          slack === undefined
            ? { client: null }
            : {
                client: slackClient({ ...slack, logger: boltLogger(logger) }),
                groups: configuration.slack?.groups ?? {},
              },
        house: {
          directory: { groupsOf: (id) => directory.person(id)?.groups },
          escalation: configuration.approvals.escalation,
          guardrails: configuration.guardrails,
          environmentOf: (place) => environmentOf(configuration, place),
        },
        ...(options.atBoundary === undefined ? {} : { atBoundary: options.atBoundary }),
      }),
    );
    exporter.start();
    return {
      url,
      temporalAddress: temporal.address,
      ...(temporal.ui === undefined ? {} : { temporalUi: temporal.ui }),
      working: worker.working,
      stop: once(async () => {
        await gateway?.close();
        await worker.stop();
        await exporter.stop();
        await temporal.close();
        await state.accessLog.close();
        await state.registryEvents.close();
      }),
    };
  } catch (error) {
    await gateway?.close();
    await temporal.close();
    await state.accessLog.close();
    await state.registryEvents.close();
    throw error;
  }
}

interface KeptWorker {
  working: Promise<void>;
  stop(): Promise<void>;
}

/** Runs a worker, and another one when Temporal was not there or the worker failed, until it is stopped. */
function keepWorking(
  temporal: TemporalAccess,
  logger: Logger,
  create: (connection: Awaited<ReturnType<TemporalAccess['connect']>>) => Promise<Worker>,
): KeptWorker {
  const stopping = new AbortController();
  const began = Promise.withResolvers<void>();
  let current: Worker | undefined;

  async function workOnce(): Promise<void> {
    const connection = await temporal.connect();
    try {
      current = await create(connection);
      if (stopping.signal.aborted) return;
      const running = current.run();
      began.resolve();
      logger.info('worker is polling');
      await running;
    } finally {
      current = undefined;
      await connection.close();
    }
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await workOnce();
      } catch (error) {
        logger.error({ err: String(error) }, 'the worker cannot work; it tries again');
      }
      if (!stopping.signal.aborted) await pause(reconnectMs, stopping.signal);
    }
  }

  const ended = loop();
  return {
    working: began.promise,
    async stop() {
      stopping.abort();
      if (current?.getState() === 'RUNNING') current.shutdown();
      await ended;
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
  });
}

async function slackSecrets(configuration: Configuration) {
  const { slack } = configuration;
  if (slack === undefined) return undefined;
  return {
    signingSecret: await readSecret('slack.signingSecret', slack.signingSecret),
    botToken: await readSecret('slack.botToken', slack.botToken),
    ...(slack.apiUrl === undefined ? {} : { apiUrl: slack.apiUrl }),
    ...(slack.socketMode === undefined
      ? {}
      : {
          socketMode: { appToken: await readSecret('slack.socketMode.appToken', slack.socketMode.appToken) },
        }),
  };
}

/** What is kept of an incident whose workflow has closed. */
async function closedIncident(state: State, incident: string): Promise<IncidentView | undefined> {
  const bytes = await state.seals.get(viewName(incident));
  if (bytes === undefined) return undefined;
  const view: IncidentView = JSON.parse(Buffer.from(bytes).toString('utf8'));
  return view;
}

function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= run());
}
