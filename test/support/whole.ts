import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect, promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { pino } from 'pino';
import { clusterRegistry, createCluster, type Cluster } from '../../activities/kubernetes/client.ts';
import { kubernetesActions } from '../../activities/kubernetes/index.ts';
import { rbacManifests } from '../../activities/kubernetes/rbac.ts';
import { resources } from '../../activities/kubernetes/resources.ts';
import { secretStores } from '../../activities/secrets/index.ts';
import type { IncidentView } from '../../domain/incident.ts';
import { openState, type State } from '../../stores/index.ts';
import { startKubernetes, type Kubernetes } from '../../testbed/kubernetes.ts';
import { freePort } from '../../testbed/ports.ts';
import { startSlack, type SlackTestbed } from '../../testbed/slack.ts';
import type { SlackMessage } from '../../testbed/slack/types.ts';
import { startTemporal, type Temporal } from '../../testbed/temporal.ts';
import { loadConfiguration } from '../../worker/config/load.ts';
import { up, type Running } from '../../worker/up.ts';
import { changesBy } from './audit-log.ts';
import {
  collectionOf,
  createNamespace,
  engineUser,
  pod,
  policy,
  responderGroup,
  policiesOf,
} from './quarantine-house.ts';
import { noImages } from './no-images.ts';

const run = promisify(execFile);
const playbooks = fileURLToPath(new URL('../../playbooks', import.meta.url));

/** Persons of the configuration; `ada` has two Slack accounts, and `mallory` is in Slack alone. */
const directory: { [person: string]: { groups: string[]; slack: string[] } } = {
  ada: { groups: ['responders'], slack: ['ada', 'ada2'] },
  ben: { groups: ['responders'], slack: ['ben'] },
  dana: { groups: ['responders'], slack: ['dana'] },
  eve: { groups: ['leads'], slack: ['eve'] },
};

/** Rules that routes are for: one person's word suffices for the first two, of different playbooks; `Pair` needs two; `Auto` asks for nobody, which the guardrails do not allow. */
export type Rule = 'Shell' | 'Miner' | 'Pair' | 'Auto';

export interface Posted {
  status: number;
  headers: Headers;
  body: { status?: string; incident?: string; code?: string; detail?: string };
  text: string;
}

/** A whole Firebreak with real parts around it: API server, Temporal with a database file, Slack, and the engine under its generated RBAC alone. */
export class Whole {
  readonly dir: string;
  readonly kubernetes: Kubernetes;
  readonly temporal: Temporal;
  readonly slack: SlackTestbed;
  readonly admin: Cluster;
  readonly channel: string;
  readonly url: string;
  /** A second handle on the state directory: what an auditor on the same machine reads. */
  readonly state: State;
  readonly tokens: { [name: string]: string } = {};
  /** Everything that Firebreak has logged, a JSON object a line. */
  log = '';
  /** The text of every answer over HTTP. */
  readonly answers: string[] = [];
  #running: Running | undefined;
  #logsTemporal = false;

  private constructor(
    parts: Pick<Whole, 'dir' | 'kubernetes' | 'temporal' | 'slack' | 'admin' | 'channel' | 'url' | 'state'>,
  ) {
    this.dir = parts.dir;
    this.kubernetes = parts.kubernetes;
    this.temporal = parts.temporal;
    this.slack = parts.slack;
    this.admin = parts.admin;
    this.channel = parts.channel;
    this.url = parts.url;
    this.state = parts.state;
  }

  static async open(): Promise<Whole> {
    const dir = await mkdtemp(join(tmpdir(), 'firebreak-whole-'));
    const slack = await startSlack({
      users: [...Object.values(directory).flatMap((person) => person.slack), 'mallory'].map((name) => ({
        name,
      })),
      channels: [{ name: 'incidents' }],
    });
    const [kubernetes, temporal] = await Promise.all([
      startKubernetes(),
      startTemporal({ dbFilename: join(dir, 'temporal.db') }),
    ]);
    const admin = createCluster({
      name: 'admin',
      environment: 'test',
      kubeconfig: kubernetes.adminKubeconfig,
    });
    const state = await openState(join(dir, 'state'), {
      maxTotalBytes: 1e9,
      maxArtefactBytes: 1e8,
      maxRefusalsPerMinute: 1_000,
    });
    const whole = new Whole({
      dir,
      kubernetes,
      temporal,
      slack,
      admin,
      channel: slack.channels['incidents'] ?? '',
      url: `http://127.0.0.1:${await freePort()}`,
      state,
    });
    await whole.grant();
    await writeFile(
      join(dir, 'engine.kubeconfig'),
      await readFile(await kubernetes.kubeconfigFor(engineUser)),
    );
    for (const person of Object.keys(directory)) await whole.issue(person, person, ['decide', 'read']);
    await whole.issue('falco', 'dana', ['alerts'], 'shop');
    return whole;
  }

  async issue(
    name: string,
    owner: string,
    scopes: ('alerts' | 'decide' | 'read')[],
    cluster?: string,
  ): Promise<void> {
    const bound = cluster === undefined ? {} : { cluster };
    this.tokens[name] = (await this.state.tokens.create({ owner, scopes, label: name, ...bound })).secret;
  }

  /** Gives the engine what its actions declare, as `firebreak permissions` prints it. */
  async grant(): Promise<void> {
    const actions = kubernetesActions({
      clusters: clusterRegistry([]),
      responderGroup,
      secrets: secretStores([]),
      images: noImages,
    });
    const manifests = rbacManifests({
      permissions: actions.flatMap(({ permissions }) => permissions),
      engine: { kind: 'User', name: engineUser },
      responderGroup,
    });
    for (const manifest of manifests) await this.admin.create(collectionOf(manifest), manifest);
  }

  /** Writes the configuration and brings Firebreak up; what was down comes back under the same URL. */
  async up(over: object = {}): Promise<void> {
    process.env['FIREBREAK_TEST_SIGNING_SECRET'] = this.slack.signingSecret;
    process.env['FIREBREAK_TEST_BOT_TOKEN'] = this.slack.botToken;
    const file = join(this.dir, 'firebreak.yaml');
    const shell = "alert.source == 'falco' && alert.rule ==";
    const inputs = { cluster: '${{ alert.cluster }}', namespace: '${{ alert.namespace }}' };
    await mkdir(join(this.dir, 'playbooks'), { recursive: true });
    await cp(playbooks, join(this.dir, 'playbooks'), { recursive: true });
    const first = await readFile(join(playbooks, 'FB-001-quarantine-namespace', 'playbook.yaml'), 'utf8');
    const others = { 'T-002': first, 'T-003': first.replace('count: 1', 'count: 2') };
    for (const [id, text] of Object.entries(others)) {
      await mkdir(join(this.dir, 'playbooks', id), { recursive: true });
      await writeFile(join(this.dir, 'playbooks', id, 'playbook.yaml'), text.replace('FB-001', id));
    }
    const routes = [
      { name: 'shell', match: `${shell} 'Shell'`, playbook: 'FB-001', inputs, mode: 'approve' },
      { name: 'pair', match: `${shell} 'Pair'`, playbook: 'T-003', inputs, mode: 'approve' },
      { name: 'auto', match: `${shell} 'Auto'`, playbook: 'T-002', inputs, mode: 'automatic' },
      { name: 'miner', match: `${shell} 'Miner'`, playbook: 'T-002', inputs, mode: 'approve' },
    ];
    const configuration = {
      state: 'state',
      temporal: { address: this.temporal.address },
      gateway: { host: '127.0.0.1', port: Number(new URL(this.url).port) },
      clusters: [{ name: 'shop', environment: 'production', kubeconfig: 'engine.kubeconfig' }],
      responderGroup,
      slack: {
        signingSecret: { env: 'FIREBREAK_TEST_SIGNING_SECRET' },
        botToken: { env: 'FIREBREAK_TEST_BOT_TOKEN' },
        channel: this.channel,
        apiUrl: this.slack.apiUrl,
      },
      people: Object.entries(directory).map(([id, { groups, slack }]) => ({
        id,
        name: id,
        groups,
        slack: slack.map((name) => ({ team: this.slack.teamId, user: this.slack.users[name]?.id ?? '' })),
      })),
      routes: 'routes.yaml',
      playbooks: 'playbooks',
      guardrails: { protectedNamespaces: ['payments'] },
      approvals: {
        default: { from: ['responders'], count: 1, within: '5m', otherwise: 'escalate' },
        release: { from: ['responders'], count: 1, within: '15m', otherwise: 'deny' },
        escalation: ['leads'],
      },
      ...over,
    };
    await writeFile(join(this.dir, 'routes.yaml'), JSON.stringify(routes));
    await writeFile(file, JSON.stringify(configuration));
    const logger = pino({ level: 'debug' }, { write: (line: string) => void (this.log += line) });
    if (!this.#logsTemporal) {
      const write = ({ message, meta }: { message: string; meta?: object }) => {
        this.log += `${message} ${inspect(meta)}\n`;
      };
      Runtime.install({ shutdownSignals: [], logger: new DefaultLogger('INFO', write) });
      this.#logsTemporal = true;
    }
    this.#running = await up(await loadConfiguration(file), { logger });
    await this.#running.working;
    this.slack.setInteractivityUrl(`${this.url}/slack/interactions`);
  }

  async down(): Promise<void> {
    await this.#running?.stop();
    this.#running = undefined;
  }

  async close(): Promise<void> {
    await this.down();
    await this.admin.close();
    await this.state.accessLog.close();
    await Promise.all([this.kubernetes.stop(), this.temporal.stop(), this.slack.stop()]);
    await rm(this.dir, { recursive: true, force: true });
  }

  /** A namespace with a pod, in which an allow-all policy stands beside a deny-all. */
  async furnish(namespace: string): Promise<unknown[]> {
    await createNamespace(this.admin, namespace);
    const at = { ...resources.networkPolicies, namespace };
    const both = { podSelector: {}, policyTypes: ['Ingress', 'Egress'] };
    await this.admin.create(at, policy(namespace, 'deny', both));
    await this.admin.create(at, policy(namespace, 'allow-all', { ...both, ingress: [{}], egress: [{}] }));
    await this.admin.create({ ...resources.pods, namespace }, pod(namespace, 'web-1'));
    return this.policies(namespace);
  }

  /** What the policies of a namespace mean, without what the server sets. */
  async policies(namespace: string): Promise<unknown[]> {
    return policiesOf(this.admin, namespace);
  }

  /** What the engine really changed about a namespace's own deny, in order. */
  async denies(namespace: string): Promise<string[]> {
    const changes = await changesBy(this.kubernetes.auditLogFile, engineUser, { withNamespaces: true });
    return changes.filter((change) => change.endsWith(`/${namespace}/firebreak-quarantine`));
  }

  /** A request to the gateway, with its answer. */
  async send(
    path: string,
    init: { token?: string; body?: string; method?: string; type?: string } = {},
  ): Promise<Posted> {
    const response = await fetch(`${this.url}${path}`, {
      method: init.method ?? (init.body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(init.body === undefined ? {} : { 'content-type': init.type ?? 'application/json' }),
        ...(init.token === undefined ? {} : { authorization: `Bearer ${init.token}` }),
      },
      ...(init.body === undefined ? {} : { body: init.body }),
    });
    const text = await response.text();
    this.answers.push(text);
    const body = text.startsWith('{') ? (JSON.parse(text) as Posted['body']) : {};
    return { status: response.status, headers: response.headers, body, text };
  }

  postAlert(body: string): Promise<Posted> {
    return this.send('/v1/alerts/falco', { token: this.tokens['falco'] ?? '', body });
  }

  /** Posts an alert and answers the incident that it opened or joined. */
  async alert(namespace: string, rule: Rule = 'Shell'): Promise<string> {
    const { status, body, text } = await this.postAlert(falco(namespace, rule));
    if (status !== 202 || body.incident === undefined) throw new Error(`${status}: ${text}`);
    return body.incident;
  }

  async view(incident: string): Promise<IncidentView> {
    const { status, body, text } = await this.send(`/v1/incidents/${incident}`, {
      token: this.tokens['ada'] ?? '',
    });
    if (status !== 200) throw new Error(`${status}: ${text}`);
    return body as unknown as IncidentView;
  }

  /** Polls until `test` holds; a gateway that cannot answer yet is asked again. @throws with the last answer after a minute */
  async until(incident: string, test: (view: IncidentView) => boolean): Promise<IncidentView> {
    const end = Date.now() + 60_000;
    for (;;) {
      let last: unknown;
      try {
        const view = await this.view(incident);
        if (test(view)) return view;
        last = view;
      } catch (error) {
        last = String(error);
      }
      if (Date.now() > end) throw new Error(`never came: ${JSON.stringify(last, undefined, 1)}`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  /** Waits for a question and answers it through the API. */
  async decide(incident: string, person: string, gate = 'quarantine', verdict = 'approve'): Promise<Posted> {
    const view = await this.until(incident, ({ gates }) => gates.some((open) => open.gate.id === gate));
    const digest = view.gates.find((open) => open.gate.id === gate)?.digest;
    const reason = verdict === 'deny' ? { reason: 'a drill' } : {};
    return this.send(`/v1/incidents/${incident}/decisions`, {
      token: this.tokens[person] ?? '',
      body: JSON.stringify({ gate, digest, verdict, ...reason }),
    });
  }

  command(incident: string, person: string, command: 'release' | 'takeover' | 'handback'): Promise<Posted> {
    return this.send(`/v1/incidents/${incident}/commands`, {
      token: this.tokens[person] ?? '',
      body: JSON.stringify({ command, reason: 'clean again' }),
    });
  }

  /** Until everything of the playbook is done and the namespace is held. */
  held(incident: string): Promise<IncidentView> {
    return this.until(incident, ({ status }) => status === 'holding');
  }

  /** Asked for by Ada, approved by Ben. */
  async release(incident: string): Promise<IncidentView> {
    await this.command(incident, 'ada', 'release');
    await this.decide(incident, 'ben', 'release');
    return this.closed(incident);
  }

  closed(incident: string): Promise<IncidentView> {
    return this.until(incident, ({ status }) => status === 'closed');
  }

  /** The messages of the channel that are about an incident. */
  async said(incident: string): Promise<SlackMessage[]> {
    const messages = await this.slack.messages('incidents');
    return messages.filter((message) => JSON.stringify(message).includes(incident));
  }

  /** The question of an incident in Slack. */
  asked(incident: string): Promise<SlackMessage> {
    const fits = (message: SlackMessage) => {
      const text = JSON.stringify(message);
      return text.includes(incident) && text.includes('"firebreak.approve"');
    };
    return this.slack.waitForMessage('incidents', fits, 30_000);
  }

  async refusals(): Promise<string[]> {
    const entries = await this.state.accessLog.read();
    return entries.filter(({ outcome }) => outcome === 'refused').map(({ code }) => code ?? '');
  }

  /** A client of this Temporal, as anybody who can reach it has one. */
  async client(): Promise<{ client: Client; close: () => Promise<void> }> {
    const connection = await Connection.connect({ address: this.temporal.address });
    return { client: new Client({ connection }), close: () => connection.close() };
  }

  /** Runs a shell line with kubectl logged in as somebody. */
  async shell(line: string, user: string, groups: string[]): Promise<string> {
    const kubeconfig = await this.kubernetes.kubeconfigFor(user, groups);
    const kubectl = `${this.kubernetes.kubectl} --kubeconfig ${kubeconfig}`;
    const { stdout } = await run('sh', ['-c', line.replace('kubectl ', `${kubectl} `)], {
      env: { ...process.env, KUBECTL: kubectl },
    });
    return stdout;
  }
}

let alerts = 0;

/** An alert as Falco writes it; each call makes another one. */
export function falco(namespace: string, rule: Rule = 'Shell'): string {
  alerts += 1;
  return (
    `{"hostname":"node-1","output":"A shell was spawned ${alerts}","output_fields":{"container.id":"3ad7b26ded6d",` +
    `"container.image.repository":"shop/web","container.name":"web","evt.time":1767323045678901${100 + alerts},` +
    `"k8s.ns.name":"${namespace}","k8s.pod.name":"web-1","proc.cmdline":"sh"},"priority":"Critical",` +
    `"rule":"${rule}","source":"syscall","tags":[],"time":"${new Date().toISOString()}"}`
  );
}
