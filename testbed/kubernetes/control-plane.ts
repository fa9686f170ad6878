import { writeFile } from 'node:fs/promises';
import { get as httpGet } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { Agent, get as httpsGet } from 'node:https';
import { join } from 'node:path';
import { binary } from '../binaries.ts';
import { startService } from '../process.ts';
import type { RunningProcess } from '../process.ts';
import { AUDIT_POLICY } from './audit-policy.ts';
import { createSigningKey, writeKeyPair, writeSecret } from './certificates.ts';
import type { CertificateAuthority } from './certificates.ts';

/** Where the parts of one control plane find each other. */
export interface Plane {
  dir: string;
  ca: CertificateAuthority;
  ports: { etcd: number; etcdPeer: number; apiServer: number; controllerManager: number; scheduler: number };
}

export interface PlaneFiles {
  ca: { certificateFile: string; keyFile: string };
  server: { certificateFile: string; keyFile: string };
  kubeletClient: { certificateFile: string; keyFile: string };
  tokens: { publicKeyFile: string; privateKeyFile: string };
  auditPolicyFile: string;
  auditLogFile: string;
}

const SERVICE_RANGE = '10.96.0.0/16';

/** Writes certificates, keys and configuration. */
export async function writePlaneFiles({ dir, ca }: Plane): Promise<PlaneFiles> {
  const serviceNames = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  const [server, kubeletClient, tokens] = await Promise.all([
    ca.server('kube-apiserver', [...serviceNames, 'kubernetes.default.svc.cluster.local'], ['10.96.0.1']),
    ca.client('kube-apiserver-kubelet-client', ['system:masters']),
    createSigningKey(),
  ]);
  const publicKeyFile = join(dir, 'tokens.pub');
  const privateKeyFile = join(dir, 'tokens.key');
  const auditPolicyFile = join(dir, 'audit-policy.json');
  const [caFiles, serverFiles, kubeletFiles] = await Promise.all([
    writeKeyPair(dir, 'ca', ca),
    writeKeyPair(dir, 'server', server),
    writeKeyPair(dir, 'kubelet-client', kubeletClient),
    writeFile(publicKeyFile, tokens.publicKey),
    writeSecret(privateKeyFile, tokens.privateKey),
    writeFile(auditPolicyFile, JSON.stringify(AUDIT_POLICY)),
  ]);
  return {
    ca: caFiles,
    server: serverFiles,
    kubeletClient: kubeletFiles,
    tokens: { publicKeyFile, privateKeyFile },
    auditPolicyFile,
    auditLogFile: join(dir, 'audit.log'),
  };
}

export async function startEtcd({ dir, ports }: Plane): Promise<RunningProcess> {
  const client = `http://127.0.0.1:${ports.etcd}`;
  const peer = `http://127.0.0.1:${ports.etcdPeer}`;
  return startService({
    name: 'etcd',
    command: await binary('etcd'),
    args: [
      '--name=testbed',
      `--data-dir=${join(dir, 'etcd')}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=testbed=${peer}`,
      // A lone member waits out one election before it serves; the defaults make that most of a second.
      '--heartbeat-interval=20',
      '--election-timeout=200',
      // A test's cluster does not have to survive a power cut.
      '--unsafe-no-fsync',
    ],
    logFile: join(dir, 'etcd.log'),
    ready: () => isOk(`${client}/health`),
  });
}

export async function startApiServer({ dir, ports, ca }: Plane, files: PlaneFiles): Promise<RunningProcess> {
  return startService({
    name: 'kube-apiserver',
    command: await binary('kube-apiserver'),
    args: [
      `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${ports.apiServer}`,
      // A loopback address is not allowed in the Endpoints of the Service `kubernetes`.
      '--endpoint-reconciler-type=none',
      `--service-cluster-ip-range=${SERVICE_RANGE}`,
      `--tls-cert-file=${files.server.certificateFile}`,
      `--tls-private-key-file=${files.server.keyFile}`,
      `--client-ca-file=${files.ca.certificateFile}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=true',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${files.tokens.publicKeyFile}`,
      `--service-account-signing-key-file=${files.tokens.privateKeyFile}`,
      `--kubelet-certificate-authority=${files.ca.certificateFile}`,
      `--kubelet-client-certificate=${files.kubeletClient.certificateFile}`,
      `--kubelet-client-key=${files.kubeletClient.keyFile}`,
      '--kubelet-preferred-address-types=InternalIP',
      `--audit-policy-file=${files.auditPolicyFile}`,
      `--audit-log-path=${files.auditLogFile}`,
      '--profiling=false',
    ],
    logFile: join(dir, 'kube-apiserver.log'),
    ready: () => isOk(`https://127.0.0.1:${ports.apiServer}/readyz`, ca.certificate),
  });
}

export async function startControllerManager(
  { dir, ports, ca }: Plane,
  files: PlaneFiles,
  kubeconfig: string,
): Promise<RunningProcess> {
  return startService({
    name: 'kube-controller-manager',
    command: await binary('kube-controller-manager'),
    args: [
      ...componentArgs(ports.controllerManager, files, kubeconfig),
      '--use-service-account-credentials',
      `--root-ca-file=${files.ca.certificateFile}`,
      `--service-account-private-key-file=${files.tokens.privateKeyFile}`,
      `--cluster-signing-cert-file=${files.ca.certificateFile}`,
      `--cluster-signing-key-file=${files.ca.keyFile}`,
    ],
    logFile: join(dir, 'kube-controller-manager.log'),
    ready: () => isOk(`https://127.0.0.1:${ports.controllerManager}/healthz`, ca.certificate),
  });
}

export async function startScheduler(
  { dir, ports, ca }: Plane,
  files: PlaneFiles,
  kubeconfig: string,
): Promise<RunningProcess> {
  return startService({
    name: 'kube-scheduler',
    command: await binary('kube-scheduler'),
    args: componentArgs(ports.scheduler, files, kubeconfig),
    logFile: join(dir, 'kube-scheduler.log'),
    ready: () => isOk(`https://127.0.0.1:${ports.scheduler}/healthz`, ca.certificate),
  });
}

/** What controller-manager and scheduler have in common. */
function componentArgs(port: number, files: PlaneFiles, kubeconfig: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--tls-cert-file=${files.server.certificateFile}`,
    `--tls-private-key-file=${files.server.keyFile}`,
    // There is one of each: an election would cost seconds after a restart.
    '--leader-elect=false',
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
    '--profiling=false',
  ];
}

/** Whether a GET answers 200, over TLS when `caCertificate` is given. */
function isOk(url: string, caCertificate?: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(2_000);
    const done = (response: IncomingMessage): void => {
      response.resume();
      resolve(response.statusCode === 200);
    };
    const outgoing =
      caCertificate === undefined
        ? httpGet(url, { signal, agent: false }, done)
        : httpsGet(url, { signal, agent: new Agent({ ca: caCertificate }) }, done);
    outgoing.on('error', reject);
  });
}
