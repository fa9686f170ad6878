/**
 * What kwok does in place of a kubelet (kwok.x-k8s.io/v1alpha1 Stage): a node becomes Ready and stays so, a pod bound to it
 * gets an address and runs, a Job's pod completes, a deleted pod goes away. Templates are Go templates with sprig.
 */

const NODE_CONDITIONS = `
{{ $now := Now }}
{{ $lastTransitionTime := or .metadata.creationTimestamp $now }}
conditions:
{{ range NodeConditions }}
- lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $lastTransitionTime | Quote }}
  message: {{ .message | Quote }}
  reason: {{ .reason | Quote }}
  status: {{ .status | Quote }}
  type: {{ .type | Quote }}
{{ end }}
`;

const NODE_ADDRESSES = `
addresses:
- address: {{ NodeIP | Quote }}
  type: InternalIP
- address: {{ NodeName | Quote }}
  type: Hostname
daemonEndpoints:
  kubeletEndpoint:
    Port: {{ NodePort }}
`;

const NODE_CAPACITY = `
allocatable: { cpu: 1k, memory: 1Ti, pods: 1M }
capacity: { cpu: 1k, memory: 1Ti, pods: 1M }
nodeInfo:
  architecture: amd64
  bootID: ""
  containerRuntimeVersion: kwok-{{ Version }}
  kernelVersion: kwok-{{ Version }}
  kubeProxyVersion: kwok-{{ Version }}
  kubeletVersion: kwok-{{ Version }}
  machineID: ""
  operatingSystem: linux
  osImage: ""
  systemUUID: ""
phase: Running
`;

const POD_CONDITIONS = `
{{ $now := Now }}
{{ $uid := .metadata.uid }}
conditions:
{{ range list "PodReadyToStartContainers" "Initialized" "Ready" "ContainersReady" }}
- { type: {{ . }}, status: "True", lastTransitionTime: {{ $now | Quote }} }
{{ end }}
{{ range .spec.readinessGates }}
- { type: {{ .conditionType | Quote }}, status: "True", lastTransitionTime: {{ $now | Quote }} }
{{ end }}
`;

/**
 * Name, image and the ids that a runtime would report. There is no image here: a digest that the pod pins is kept, and
 * another one is derived from the reference, so that equal references have equal digests.
 */
const CONTAINER_IDENTITY = `
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  {{ if contains "@sha256:" .image }}
  imageID: {{ .image | Quote }}
  {{ else }}
  imageID: {{ printf "%s@sha256:%s" (regexReplaceAll ":[^:/]+$" .image "") (sha256sum .image) | Quote }}
  {{ end }}
  containerID: {{ printf "containerd://%s" (sha256sum (printf "%s/%s" $uid .name)) | Quote }}
  restartCount: 0
`;

const COMPLETED = `
  ready: false
  started: false
  state:
    terminated: { exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }} }
`;

const RUNNING = `
  ready: true
  started: true
  state:
    running: { startedAt: {{ $now | Quote }} }
`;

const POD_RUNNING = `
${POD_CONDITIONS}
containerStatuses:
{{ range .spec.containers }}
${CONTAINER_IDENTITY}
${RUNNING}
{{ end }}
{{ with .spec.initContainers }}
initContainerStatuses:
{{ range . }}
${CONTAINER_IDENTITY}
{{ if eq (or .restartPolicy "") "Always" }}
${RUNNING}
{{ else }}
${COMPLETED}
{{ end }}
{{ end }}
{{ end }}
{{ with NodeIPsWith .spec.nodeName }}
hostIP: {{ index . 0 | Quote }}
hostIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}
{{ with PodIPsWith .spec.nodeName (or .spec.hostNetwork false) .metadata.uid .metadata.name .metadata.namespace }}
podIP: {{ index . 0 | Quote }}
podIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}
phase: Running
startTime: {{ $now | Quote }}
`;

const POD_COMPLETE = `
{{ $now := Now }}
{{ $uid := .metadata.uid }}
containerStatuses:
{{ range .spec.containers }}
${CONTAINER_IDENTITY}
${COMPLETED}
{{ end }}
phase: Succeeded
`;

const NODE_IS_READY = '.status.conditions.[] | select( .type == "Ready" ) | .status';
const DELETED = '.metadata.deletionTimestamp';

interface Requirement {
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  values?: string[];
}

function stage(kind: 'Node' | 'Pod', name: string, matchExpressions: Requirement[], rest: object): object {
  return {
    apiVersion: 'kwok.x-k8s.io/v1alpha1',
    kind: 'Stage',
    metadata: { name },
    spec: { resourceRef: { apiGroup: 'v1', kind }, selector: { matchExpressions }, ...rest },
  };
}

export const STAGES: readonly object[] = [
  stage('Node', 'node-initialize', [{ key: NODE_IS_READY, operator: 'NotIn', values: ['True'] }], {
    next: { statusTemplate: NODE_CONDITIONS + NODE_ADDRESSES + NODE_CAPACITY },
  }),
  stage(
    'Node',
    'node-heartbeat-with-lease',
    [
      { key: '.status.phase', operator: 'In', values: ['Running'] },
      { key: NODE_IS_READY, operator: 'In', values: ['True'] },
    ],
    {
      // The lease is the heartbeat; this only keeps the conditions' times from growing old.
      delay: { durationMilliseconds: 600_000, jitterDurationMilliseconds: 610_000 },
      next: { statusTemplate: NODE_CONDITIONS + NODE_ADDRESSES },
    },
  ),
  stage(
    'Pod',
    'pod-ready',
    [
      { key: DELETED, operator: 'DoesNotExist' },
      { key: '.status.phase', operator: 'In', values: ['Pending'] },
    ],
    { next: { statusTemplate: POD_RUNNING } },
  ),
  stage(
    'Pod',
    'pod-complete',
    [
      { key: DELETED, operator: 'DoesNotExist' },
      { key: '.status.phase', operator: 'In', values: ['Running'] },
      { key: '.metadata.ownerReferences.[].kind', operator: 'In', values: ['Job'] },
    ],
    { next: { statusTemplate: POD_COMPLETE } },
  ),
  stage('Pod', 'pod-delete', [{ key: DELETED, operator: 'Exists' }], { next: { delete: true } }),
];
