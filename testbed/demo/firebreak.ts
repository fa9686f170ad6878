import { execFile, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../ports.ts';
import { startService, type RunningProcess } from '../process.ts';
import type { Kubernetes } from '../kubernetes.ts';
import type { SlackTestbed } from '../slack.ts';
import type { Temporal } from '../temporal.ts';

const run = promisify(execFile);
/** The command, as a program. */
export const command = fileURLToPath(new URL('../../cli/bin.mjs', import.meta.url));
const playbooks = fileURLToPath(new URL('../../playbooks', import.meta.url));

/** The user that the engine authenticates as, and the group that a freeze exempts. */
export const engineUser = 'firebreak:engine';
const responderGroup = 'firebreak:responders';

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Firebreak as its users have it: a configuration in a folder, the `firebreak` command, and one process of `firebreak up`. */
export class Firebreak {
  readonly dir: string;
  readonly url: string;
  /** The environment variables with which the command finds this Firebreak. */
  readonly settings: { readonly [name: string]: string };
  #configuration: { [field: string]: unknown };
  #routes: readonly object[];
  #env: NodeJS.ProcessEnv;
  #service: RunningProcess | undefined;

  private constructor(parts: {
    dir: string;
    url: string;
    settings: { readonly [name: string]: string };
    configuration: { [field: string]: unknown };
    routes: object[];
  }) {
    this.dir = parts.dir;
    this.url = parts.url;
    this.settings = parts.settings;
    this.#configuration = parts.configuration;
    this.#routes = parts.routes;
    this.#env = { ...process.env, ...parts.settings };
  }

  /** Writes the configuration. Secrets go to the environment, as in production. */
  static async prepare(parts: {
    dir: string;
    kubernetes: Kubernetes;
    slack: SlackTestbed;
    temporal: Temporal;
    people: object[];
    channel: string;
  }): Promise<Firebreak> {
    const { dir, kubernetes, slack, temporal, people, channel } = parts;
    const port = await freePort();
    await mkdir(dir, { recursive: true });
    const configuration = {
      state: 'state',
      temporal: { address: temporal.address },
      gateway: { host: '127.0.0.1', port },
      clusters: [
        {
          name: 'shop',
          environment: 'production',
          kubeconfig: await kubernetes.kubeconfigFor(engineUser),
          auditLog: kubernetes.auditLogFile,
        },
      ],
      responderGroup,
      slack: {
        signingSecret: { env: 'SLACK_SIGNING_SECRET' },
        botToken: { env: 'SLACK_BOT_TOKEN' },
        channel,
        apiUrl: slack.apiUrl,
      },
      people,
      routes: 'routes.yaml',
      playbooks,
      approvals: {
        default: { from: ['responders'], count: 1, within: '5m', otherwise: 'escalate' },
        release: { from: ['responders'], count: 1, within: '15m', otherwise: 'deny' },
        escalation: ['leads'],
      },
    };
    const routes = [
      {
        name: 'shell in a container',
        match: "alert.source == 'falco' && alert.severity in ['critical', 'high']",
        playbook: 'FB-001',
        inputs: { cluster: '${{ alert.cluster }}', namespace: '${{ alert.namespace }}' },
        mode: 'approve',
      },
    ];
    const url = `http://127.0.0.1:${port}`;
    const settings = {
      FIREBREAK_CONFIG: join(dir, 'firebreak.yaml'),
      FIREBREAK_URL: url,
      SLACK_SIGNING_SECRET: slack.signingSecret,
      SLACK_BOT_TOKEN: slack.botToken,
    };
    const firebreak = new Firebreak({ dir, url, settings, configuration, routes });
    await firebreak.#write();
    return firebreak;
  }

  /** Adds fields to the configuration, routes before those that there are, and environment variables. Before it is up. */
  async configure(more: {
    configuration: { [field: string]: object };
    routes: readonly object[];
    env: { [name: string]: string };
  }): Promise<void> {
    this.#configuration = { ...this.#configuration, ...more.configuration };
    this.#routes = [...more.routes, ...this.#routes];
    this.#env = { ...this.#env, ...more.env };
    await this.#write();
  }

  async #write(): Promise<void> {
    // JSON is YAML.
    await writeFile(join(this.dir, 'firebreak.yaml'), JSON.stringify(this.#configuration, undefined, 2));
    await writeFile(join(this.dir, 'routes.yaml'), JSON.stringify(this.#routes, undefined, 2));
  }

  /** `firebreak up`, until it is ready to take alerts. */
  async up(): Promise<RunningProcess> {
    this.#service = await startService({
      name: 'firebreak',
      command: process.execPath,
      args: [command, 'up'],
      env: this.#env,
      cwd: this.dir,
      logFile: join(this.dir, 'firebreak.log'),
      ready: async () => (await fetch(`${this.url}/readyz`)).ok,
    });
    return this.#service;
  }

  /** SIGKILL: no goodbye to Temporal, Slack or the cluster. */
  async kill(): Promise<number> {
    const service = this.#service;
    if (service === undefined) throw new Error('firebreak is not up');
    process.kill(-service.pid, 'SIGKILL');
    await service.exited;
    return service.pid;
  }

  async stop(): Promise<void> {
    await this.#service?.stop();
  }

  /** Runs the command as a person would. @throws with what it printed, when it fails and `mayFail` is not set */
  async command(args: readonly string[], options: { token?: string; mayFail?: boolean } = {}): Promise<Ran> {
    const env = options.token === undefined ? this.#env : { ...this.#env, FIREBREAK_TOKEN: options.token };
    try {
      const { stdout, stderr } = await run(process.execPath, [command, ...args], {
        env,
        cwd: this.dir,
        maxBuffer: 64e6,
      });
      return { code: 0, stdout, stderr };
    } catch (error) {
      const failed = asRan(error);
      if (failed === undefined || options.mayFail !== true) {
        throw new Error(`firebreak ${args.join(' ')}: ${failed?.stderr ?? ''}${failed?.stdout ?? ''}`, {
          cause: error,
        });
      }
      return failed;
    }
  }
}

function asRan(error: unknown): Ran | undefined {
  if (!(error instanceof Error) || !('stdout' in error) || !('stderr' in error) || !('code' in error))
    return undefined;
  return { code: Number(error.code), stdout: String(error.stdout), stderr: String(error.stderr) };
}

/** Runs kubectl with a kubeconfig; text for its standard input is optional. */
export async function kubectl(
  kubernetes: Kubernetes,
  kubeconfig: string,
  args: readonly string[],
  input?: string,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(kubernetes.kubectl, ['--kubeconfig', kubeconfig, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
    child.stdin.end(input ?? '');
  });
}
