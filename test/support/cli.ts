import { spawn } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
export const bin = join(root, 'cli/bin.mjs');

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** What a terminal obeys, or what turns the reading order: none of it may ever be printed, a line's end apart. */
export const active = /[^\P{Cc}\n]|\p{Bidi_Control}/u;

export interface RunOptions {
  cwd?: string;
  env?: { [name: string]: string };
  /** The Node to run it with; this one when absent. */
  node?: string;
}

/** Runs the real command as a person's shell would: its own process, no terminal, and none of this process's FIREBREAK_ variables. */
export function firebreak(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(FIREBREAK_|NO_COLOR|FORCE_COLOR|NODE_)/.test(name),
  );
  const child = spawn(options.node ?? process.execPath, [bin, ...args], {
    cwd: options.cwd ?? root,
    env: { ...Object.fromEntries(own), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ran: Ran = { code: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (ran.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (ran.stderr += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ ...ran, code }));
  });
}

/**
 * Runs the command on a terminal of its own (util-linux `script`), types `typed` once it sees `prompt`, and answers all that the terminal
 * showed.
 */
export function firebreakOnTerminal(
  args: readonly string[],
  env: { [name: string]: string },
  prompt: string,
  typed: string,
): Promise<{ code: number | null; shown: string }> {
  const quoted = [process.execPath, bin, ...args].map(
    (word) => `'${word.replaceAll("'", String.raw`'\''`)}'`,
  );
  const child = spawn('script', ['--quiet', '--return', '--command', quoted.join(' '), '/dev/null'], {
    env: { ...process.env, ...env, TERM: 'xterm', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  let answered = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    if (answered || !shown.includes(prompt)) return;
    answered = true;
    child.stdin.write(typed);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, shown }));
  });
}

const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: 'https://127.0.0.1:1' } }]
users: [{ name: u, user: { token: not-a-secret } }]
contexts: [{ name: x, context: { cluster: c, user: u } }]
current-context: x
`;

const routes = `- name: shell
  match: alert.rule == 'Terminal shell in container'
  playbook: FB-001
  inputs: { cluster: '\${{ alert.cluster }}', namespace: '\${{ alert.namespace }}' }
`;

export const configuration = `state: state
temporal: { address: '127.0.0.1:1' }
gateway: { port: 0 }
clusters:
  - { name: prod, environment: production, kubeconfig: kubeconfig }
people:
  - { id: falco, kind: service }
  - { id: ada, name: Ada, groups: [responders] }
  - { id: grace, name: Grace, groups: [responders, leads] }
  - { id: joan, name: Joan, groups: [responders, leads] }
approvals:
  default: { from: [responders] }
  release: { from: [responders], count: 2 }
  escalation: [leads]
`;

/** A directory with a whole configuration, whose Temporal and cluster nobody answers for. */
export async function createHouse(): Promise<{ dir: string; remove(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-cli-'));
  await cp(join(root, 'playbooks'), join(dir, 'playbooks'), { recursive: true });
  await writeFile(join(dir, 'kubeconfig'), kubeconfig, { mode: 0o600 });
  await writeFile(join(dir, 'routes.yaml'), routes);
  await writeFile(join(dir, 'firebreak.yaml'), configuration);
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
}
