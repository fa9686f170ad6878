import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { waitFor } from '../process.ts';
import { apply } from './api.ts';
import type { Api } from './api.ts';

/** What `kubectl logs` of one container is to answer. */
export interface PodLogs {
  namespace: string;
  pod: string;
  container: string;
  /** Lines of the running container. */
  current: readonly string[];
  /** Lines of the container before its last restart (`--previous`). */
  previous?: readonly string[];
}

const logsSchema = z.object({
  spec: z.object({
    logs: z.array(
      z.object({
        containers: z.array(z.string()),
        logsFile: z.string(),
        previousLogsFile: z.string().optional(),
      }),
    ),
  }),
});

const API_VERSION = 'kwok.x-k8s.io/v1alpha1';
const GROUP = '/apis/kwok.x-k8s.io/v1alpha1';

/** kwok's resource that names the files which its kubelet API serves as a pod's logs. */
const LOGS_CRD = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'logs.kwok.x-k8s.io' },
  spec: {
    group: 'kwok.x-k8s.io',
    names: { kind: 'Logs', listKind: 'LogsList', plural: 'logs', singular: 'logs' },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

/** Creates the resource. */
export async function installPodLogs(api: Api): Promise<void> {
  await apply(
    api,
    `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${LOGS_CRD.metadata.name}`,
    LOGS_CRD,
  );
  await waitFor(
    'the resource logs.kwok.x-k8s.io',
    async () => (await api.get(`${GROUP}/logs`)).status === 200,
  );
}

/** What pods log that nobody wrote logs for: one line, and no previous container. Returns the entry for kwok's configuration. */
export async function writeDefaultPodLogs(dir: string): Promise<object> {
  const logsFile = join(dir, 'pod-logs', 'default.log');
  await mkdir(join(dir, 'pod-logs'), { recursive: true });
  await writeFile(logsFile, criFormat(['this container is pretended by kwok and says nothing']));
  return {
    apiVersion: API_VERSION,
    kind: 'ClusterLogs',
    metadata: { name: 'default' },
    spec: { logs: [{ logsFile }] },
  };
}

/** Sets what one container of a pod has logged, and waits until the API serves it; what others have logged stays. */
export async function writePodLogs(api: Api, dir: string, logs: PodLogs): Promise<void> {
  const { namespace, pod, container, current, previous } = logs;
  const folder = join(dir, 'pod-logs', namespace, pod);
  await mkdir(folder, { recursive: true });
  const logsFile = join(folder, `${container}.log`);
  const previousLogsFile = join(folder, `${container}.previous.log`);
  await writeFile(logsFile, criFormat(current));
  if (previous) await writeFile(previousLogsFile, criFormat(previous));

  const path = `${GROUP}/namespaces/${namespace}/logs/${pod}`;
  const stored = await api.get(path);
  const others = stored.status === 200 ? logsSchema.parse(stored.body).spec.logs : [];
  const own = { containers: [container], logsFile, ...(previous ? { previousLogsFile } : {}) };
  await apply(api, path, {
    apiVersion: API_VERSION,
    kind: 'Logs',
    metadata: { name: pod, namespace },
    spec: { logs: [...others.filter(({ containers }) => !containers.includes(container)), own] },
  });

  const url = `/api/v1/namespaces/${namespace}/pods/${pod}/log?container=${container}`;
  const answers = async (query: string, lines: readonly string[]): Promise<boolean> =>
    (await api.get(url + query)).body === lines.map((line) => `${line}\n`).join('');
  await waitFor(
    `the logs of ${namespace}/${pod}`,
    async () => (await answers('', current)) && (!previous || (await answers('&previous=true', previous))),
  );
}

/** The format of container logs on a node: time, stream, F for a full line, text. */
function criFormat(lines: readonly string[]): string {
  return lines.map((line) => `${new Date().toISOString()} stdout F ${line}\n`).join('');
}
