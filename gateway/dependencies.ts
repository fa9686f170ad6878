import type { Client } from '@temporalio/client';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { AccessLog } from '../domain/access-log.ts';
import type { EvidenceStore } from '../domain/evidence.ts';
import type { IncidentView, Policy } from '../domain/incident.ts';
import type { KillSwitch } from '../domain/kill-switch.ts';
import type { LedgerStore } from '../domain/ledger.ts';
import type { RegistryEvents } from '../domain/registry-event.ts';
import type { Signer } from '../domain/signature.ts';
import type { CompiledPlaybook } from '../language/run/playbook.ts';
import type { DecisionService } from './decisions.ts';
import type { GenericSource } from './detectors/generic.ts';
import type { Directory } from './people.ts';
import type { Route } from './routes.ts';

/**
 * `alerts`: post alerts. `read`: see incidents and ledgers. `decide`: decide, command and start incidents; persons only. `registry-events`: say what was
 * pushed, pulled and deleted.
 */
export const tokenScopes = ['alerts', 'read', 'decide', 'registry-events'] as const;
export type TokenScope = (typeof tokenScopes)[number];

/** What a token stands for. Never the token itself. */
export interface TokenIdentity {
  id: string;
  /** A person's or a service's id from the directory. */
  owner: string;
  /** Holds `TokenScope`s; others mean nothing here. */
  scopes: readonly string[];
  /** Alerts that come with it are about this cluster, whatever they say. */
  cluster?: string;
  /** Registry events that come with it are of this registry, or refused. */
  registry?: string;
}

export interface TokenVerifier {
  /** In constant time over the stored hashes; undefined for an unknown, revoked or expired token. */
  verify(presented: string): Promise<TokenIdentity | undefined>;
}

/** Bounds on what one caller can ask; see `defaultLimits`. */
export interface GatewayLimits {
  /** Bytes of a request body. */
  bodyBytes: number;
  /** Nesting and number of keys of a JSON body. */
  jsonDepth: number;
  jsonKeys: number;
  /**
   * Requests a minute: alerts and registry events of one token, other calls of one token, failed authentications and anonymous calls of one
   * address.
   */
  alertsPerMinute: number;
  registryEventsPerMinute: number;
  callsPerMinute: number;
  failuresPerMinute: number;
  /** Alerts that wait to become durable, for one key and in all. */
  queuedPerKey: number;
  queued: number;
  /** Milliseconds that one call to Temporal, and one answer of a worker, may take. */
  temporalMs: number;
  workerMs: number;
}

export const defaultLimits: GatewayLimits = {
  bodyBytes: 1024 * 1024,
  jsonDepth: 32,
  jsonKeys: 5_000,
  alertsPerMinute: 60_000,
  registryEventsPerMinute: 60_000,
  callsPerMinute: 600,
  failuresPerMinute: 60,
  queuedPerKey: 2_000,
  queued: 10_000,
  temporalMs: 5_000,
  workerMs: 10_000,
};

export interface GatewayStores {
  tokens: TokenVerifier;
  evidence: EvidenceStore;
  accessLog: AccessLog;
  ledger: Pick<LedgerStore, 'read' | 'incidents'>;
  killSwitch: Pick<KillSwitch, 'read'>;
  registryEvents: Pick<RegistryEvents, 'append'>;
}

/** A further inbound door, e.g. Slack's: gets the same application, and the service that signs what persons decide. */
export interface GatewayPlugin {
  register(app: FastifyInstance, services: { decisions: DecisionService }): Promise<void> | void;
}

/** Everything the gateway is given by the composition root. */
export interface GatewayDependencies {
  /** On a lazy connection, `Connection.lazy({ …, ...reconnectQuickly })`: the gateway starts, and answers 503, while Temporal is down. */
  temporal: Client;
  taskQueue: string;
  stores: GatewayStores;
  /** Signs openings, decisions and commands; its key must be in `policy.gatewayKeys`. */
  signer: Signer;
  /** In order: the first that matches wins. From `compileRoutes`. */
  routes: readonly Route[];
  /** By playbook id. */
  playbooks: ReadonlyMap<string, CompiledPlaybook>;
  policy: Policy;
  directory: Directory;
  /** Names of the clusters that Firebreak is configured for. */
  clusters: readonly string[];
  /** Names of the registries that it is configured for. */
  registries: readonly string[];
  /** By name. From `compileGenericSource`. */
  genericSources: ReadonlyMap<string, GenericSource>;
  /** What is left of an incident whose workflow is gone; undefined when there is no such incident. */
  closedIncident(incident: string): Promise<IncidentView | undefined>;
  slack?: GatewayPlugin;
  limits?: Partial<GatewayLimits>;
  /** A pino logger, or what has its shape; the gateway redacts credentials before it logs. */
  logger: FastifyBaseLogger;
  /** For tests. */
  now?: () => Date;
}
