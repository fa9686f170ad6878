import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binary } from './binaries.ts';
import type { BinaryName } from './binaries/catalogue.ts';
import { createApi } from './kubernetes/api.ts';
import { createCertificateAuthority } from './kubernetes/certificates.ts';
import {
  startApiServer,
  startControllerManager,
  startEtcd,
  startScheduler,
  writePlaneFiles,
} from './kubernetes/control-plane.ts';
import type { Plane } from './kubernetes/control-plane.ts';
import { writeKubeconfig } from './kubernetes/kubeconfig.ts';
import { prepareNodes, startNode, waitForSchedulableNodes } from './kubernetes/nodes.ts';
import { writePodLogs } from './kubernetes/pod-logs.ts';
import type { PodLogs } from './kubernetes/pod-logs.ts';
import { freePort } from './ports.ts';
import { waitFor } from './process.ts';
import type { RunningProcess } from './process.ts';

export interface KubernetesOptions {
  /** Holds keys, data and logs; kept when given, else a temporary one that `stop` removes. Use a new one each time. */
  dir?: string;
  /** Controller-manager and scheduler. Default true. */
  controllers?: boolean;
  /** Nodes that pretend to run pods. Default true. */
  kwok?: boolean;
  /** How many of them (1 to 100). Default 1. */
  nodes?: number;
}

export interface Kubernetes {
  readonly url: string;
  readonly dir: string;
  /** PEM file of the authority that signed the server and every client. */
  readonly caFile: string;
  /** Path of a kubeconfig in the group system:masters. */
  readonly adminKubeconfig: string;
  /** Path of a kubectl of the same version. */
  readonly kubectl: string;
  /** One JSON object a line (audit.k8s.io/v1), written before the request is answered. */
  readonly auditLogFile: string;
  /** Of every process that runs now. */
  pids(): number[];
  /** Path of a kubeconfig with a client certificate for this user; what it may do is up to RBAC. */
  kubeconfigFor(user: string, groups?: readonly string[]): Promise<string>;
  /** Sets what `kubectl logs` (and `--previous`) answers for a container, and waits until it does. */
  writePodLogs(logs: PodLogs): Promise<void>;
  /** Takes the API down at once, as a crash would. etcd keeps its data. */
  stopApiServer(): Promise<void>;
  /** Brings the API back under the same URL and waits until it is ready. */
  startApiServer(): Promise<void>;
  /** Ends every process. May be repeated. */
  stop(): Promise<void>;
}

/** None: what is written is in the kernel's hands, and the apiserver would take seconds to say goodbye to its watches. */
const STOP_GRACE_MS = 0;

/**
 * Starts etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok nodes, on free ports of 127.0.0.1, with real
 * certificates, RBAC, Node authorization and admission; returns when pods can be scheduled.
 * @throws with the end of the log of the part that failed; nothing is left running then, and the logs stay.
 */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<Kubernetes> {
  const { controllers = true, kwok = true, nodes = 1 } = options;
  // One after the other, and before anything runs: a first build takes minutes.
  for (const name of needed(controllers, kwok)) await binary(name);
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'firebreak-kubernetes-')));
  const ports = {
    etcd: await freePort(),
    etcdPeer: await freePort(),
    apiServer: await freePort(),
    controllerManager: await freePort(),
    scheduler: await freePort(),
  };
  await mkdir(join(dir, 'users'), { recursive: true });
  const ca = await createCertificateAuthority('firebreak-testbed');
  const plane: Plane = { dir, ca, ports };
  const url = `https://127.0.0.1:${ports.apiServer}`;
  const running = new Map<string, RunningProcess>();
  let users = 0;

  /** Keeps what has started, also when a sibling fails, so that it can be stopped. */
  async function keep(key: string, starting: Promise<RunningProcess>): Promise<void> {
    running.set(key, await starting);
  }

  async function kubeconfigFor(user: string, groups: readonly string[] = []): Promise<string> {
    const file = join(dir, 'users', `${++users}.kubeconfig`);
    return writeKubeconfig(file, { url, caCertificate: ca.certificate }, user, await ca.client(user, groups));
  }

  async function stopProcesses(): Promise<void> {
    await Promise.all([...running.values()].map((part) => part.stop(STOP_GRACE_MS)));
  }

  async function stop(): Promise<void> {
    await stopProcesses();
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  }

  try {
    const files = await writePlaneFiles(plane);
    await keep('etcd', startEtcd(plane));
    const admin = await ca.client('testbed-admin', ['system:masters']);
    const api = createApi(url, ca.certificate, admin);
    const start = (): Promise<void> => keep('kube-apiserver', startApiServer(plane, files));
    await start();
    await all([
      ...(controllers
        ? [
            kubeconfigFor('system:kube-controller-manager').then((kubeconfig) =>
              keep('kube-controller-manager', startControllerManager(plane, files, kubeconfig)),
            ),
            kubeconfigFor('system:kube-scheduler').then((kubeconfig) =>
              keep('kube-scheduler', startScheduler(plane, files, kubeconfig)),
            ),
          ]
        : []),
      ...(kwok
        ? [
            prepareNodes(api).then(() =>
              all(
                Array.from({ length: nodes }, (_, index) =>
                  keep(`node-${index + 1}`, startNode(plane, url, api, index + 1)),
                ),
              ),
            ),
          ]
        : []),
    ]);
    if (controllers) {
      await waitFor(
        'the default ServiceAccount',
        async () => (await api.get('/api/v1/namespaces/default/serviceaccounts/default')).status === 200,
      );
      if (kwok) await waitForSchedulableNodes(api, nodes);
    }
    return {
      url,
      dir,
      caFile: files.ca.certificateFile,
      adminKubeconfig: await writeKubeconfig(
        join(dir, 'admin.kubeconfig'),
        { url, caCertificate: ca.certificate },
        'testbed-admin',
        admin,
      ),
      kubectl: await binary('kubectl'),
      auditLogFile: files.auditLogFile,
      pids: () => [...running.values()].filter((part) => part.running()).map((part) => part.pid),
      kubeconfigFor,
      writePodLogs: (logs) => writePodLogs(api, dir, logs),
      stopApiServer: async () => running.get('kube-apiserver')?.stop(0),
      startApiServer: async () => {
        if (!running.get('kube-apiserver')?.running()) await start();
      },
      stop,
    };
  } catch (error) {
    // The folder stays: the error names a log in it.
    await stopProcesses();
    throw error;
  }
}

function needed(controllers: boolean, kwok: boolean): BinaryName[] {
  return [
    'etcd',
    'kube-apiserver',
    'kubectl',
    ...(controllers ? (['kube-controller-manager', 'kube-scheduler'] as const) : []),
    ...(kwok ? (['kwok'] as const) : []),
  ];
}

/** Promise.all, but it lets the slower ones finish before it fails: what they start must be known to be stopped. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
