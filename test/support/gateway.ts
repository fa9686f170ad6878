import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { pino } from 'pino';
import type { Policy } from '../../domain/incident.ts';
import type { GatewayDependencies, TokenScope } from '../../gateway/dependencies.ts';
import { compileGenericSource, type GenericSourceConfiguration } from '../../gateway/detectors/generic.ts';
import { createGateway, type Gateway } from '../../gateway/http/server.ts';
import { createDirectory } from '../../gateway/people.ts';
import { compileRoutes } from '../../gateway/routes.ts';
import type { IncidentPort } from '../../gateway/temporal-port.ts';
import { compilePlaybook } from '../../language/compile/compile.ts';
import type { CompiledPlaybook } from '../../language/run/playbook.ts';
import { openState, type State } from '../../stores/index.ts';
import { catalogue } from './catalogue.ts';

const people = [
  { id: 'falco', kind: 'service' },
  { id: 'ana', name: 'Ana', groups: ['responders'], slack: [{ team: 'T1', user: 'U1' }] },
  { id: 'ben', name: 'Ben', groups: ['responders'] },
  { id: 'gone', name: 'Gone', active: false },
];

const playbookText = `
id: FB-001
name: Quarantine a namespace
version: 1
inputs:
  cluster: { type: string }
  namespace: { type: string }
steps:
  - id: quarantine
    uses: kubernetes.quarantine-namespace
    with: { cluster: "\${{ inputs.cluster }}", namespace: "\${{ inputs.namespace }}" }
    approve: { from: [responders], count: 1, within: 5m, otherwise: escalate }
    hold: { for: 24h, then: escalate }
`;

export const routesText = `
- name: ignore-noise
  match: alert.rule == 'Noise' && alert.namespace == 'nowhere'
  playbook: FB-001
  inputs: { cluster: "\${{ alert.cluster }}", namespace: "\${{ alert.namespace }}" }
  mode: simulate
- name: quarantine
  match: alert.rule != 'Unrouted'
  playbook: FB-001
  inputs: { cluster: "\${{ alert.cluster }}", namespace: "\${{ alert.namespace }}" }
`;

export function compiledPlaybooks(): Map<string, CompiledPlaybook> {
  const compiled = compilePlaybook({ file: 'quarantine.yaml', text: playbookText }, catalogue);
  if (!('ok' in compiled)) throw new Error(JSON.stringify(compiled.problems));
  return new Map([[compiled.ok.playbook.id, compiled.ok]]);
}

export interface TestGateway extends Gateway {
  state: State;
  dependencies: GatewayDependencies;
  /** Everything that was logged. */
  logged(): string;
  tokens: {
    alerts: string;
    bound: string;
    read: string;
    ana: string;
    service: string;
    gone: string;
    registry: string;
    anyRegistry: string;
  };
  /** Another gateway over the same state, as after a restart. */
  again(port?: IncidentPort): Gateway;
}

export interface TestGatewayOptions {
  incidents?: IncidentPort;
  temporal?: Client;
  taskQueue?: string;
  sources?: GenericSourceConfiguration[];
  overrides?: Partial<GatewayDependencies>;
}

/** A gateway with real stores in a folder of its own that `close` removes; Temporal is given, or unreachable. */
export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-gateway-'));
  const state = await openState(dir, {
    maxArtefactBytes: 10_000_000,
    maxTotalBytes: 100_000_000,
    maxRefusalsPerMinute: 10_000,
  });
  const token = async (owner: string, scopes: TokenScope[], cluster?: string, registry?: string) =>
    (
      await state.tokens.create({
        owner,
        scopes,
        label: 'test',
        ...(cluster === undefined ? {} : { cluster }),
        ...(registry === undefined ? {} : { registry }),
      })
    ).secret;
  const tokens = {
    alerts: await token('falco', ['alerts']),
    bound: await token('falco', ['alerts'], 'prod'),
    read: await token('ben', ['read']),
    ana: await token('ana', ['read', 'decide']),
    service: await token('falco', ['decide']),
    gone: await token('gone', ['decide', 'read']),
    registry: await token('falco', ['registry-events'], undefined, 'images'),
    anyRegistry: await token('falco', ['registry-events']),
  };
  const lines: string[] = [];
  const playbooks = compiledPlaybooks();
  const directory = createDirectory(people);
  const policy: Policy = {
    people: directory.people(),
    gatewayKeys: [state.gatewaySigner.publicKey],
    guardrails: { protectedNamespaces: [], maxNamespaces: 1, maxPods: 100, automatic: [] },
    approval: { from: ['responders'], count: 1, withinMs: 300_000, otherwise: 'escalate' },
    release: { from: ['responders'], count: 1, withinMs: 300_000, otherwise: 'deny' },
    escalation: [],
    channel: '',
    holdMs: 3_600_000,
  };
  const dependencies: GatewayDependencies = {
    temporal: options.temporal ?? new Client({ connection: Connection.lazy({ address: '127.0.0.1:1' }) }),
    taskQueue: options.taskQueue ?? 'test',
    stores: state,
    signer: state.gatewaySigner,
    routes: compileRoutes({ file: 'routes.yaml', text: routesText }, playbooks),
    playbooks,
    policy,
    directory,
    clusters: ['prod', 'staging'],
    registries: ['images', 'other'],
    genericSources: new Map(
      (options.sources ?? []).map((source) => [source.name, compileGenericSource(source)] as const),
    ),
    closedIncident: () => Promise.resolve(undefined),
    logger: pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }),
    ...options.overrides,
  };
  const opened: Gateway[] = [];
  const make = (port = options.incidents): Gateway => {
    const gateway = createGateway(dependencies, port);
    opened.push(gateway);
    return gateway;
  };
  const gateway = make();
  return {
    ...gateway,
    state,
    dependencies,
    tokens,
    logged: () => lines.join(''),
    again: make,
    close: async () => {
      await Promise.all(opened.map((one) => one.close()));
      await state.accessLog.close();
      await state.registryEvents.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
