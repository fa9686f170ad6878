/** How a binary is made when the machine has none: with Go, from the module proxy. */
type Recipe =
  /** A package in the module graph of `testbed/build/<folder>/go.mod`: for programs that `go install` cannot take. */
  | { kind: 'workspace'; folder: string; package: string; variables?: Record<string, string> }
  /** `go install <package>@v<version>`. `moduleVersion` when the module counts otherwise than the program: Prometheus 3.16.0 is 0.316.0. */
  | {
      kind: 'module';
      package: string;
      moduleVersion?: string;
      /** Of the build: what they leave out is not compiled. */
      tags?: readonly string[];
      variables?: Record<string, string>;
    };

export interface BinarySpec {
  /** Pinned, without the leading `v`. Also the version that one found on PATH must report. */
  version: string;
  /** Arguments that make the program print its version and exit. */
  versionArgs: readonly string[];
  /** Its first group is the version in that output. */
  versionPattern: RegExp;
  recipe: Recipe;
  /** What a first build costs on two cores, for the person who waits. */
  estimate: string;
}

const KUBERNETES = '1.34.4';

/** A plain `go build` would report v0.0.0-master; clients and the version gates of Kubernetes read this. */
const KUBERNETES_VARIABLES = {
  'k8s.io/component-base/version.gitVersion': `v${KUBERNETES}`,
  'k8s.io/component-base/version.gitMajor': '1',
  'k8s.io/component-base/version.gitMinor': '34',
  'k8s.io/component-base/version.gitTreeState': 'clean',
};

function kubernetes(command: string, versionArgs: string[], estimate: string): BinarySpec {
  return {
    version: KUBERNETES,
    versionArgs,
    versionPattern: /\bv(\d+\.\d+\.\d+\S*)/,
    recipe: {
      kind: 'workspace',
      folder: 'kubernetes',
      package: `k8s.io/kubernetes/cmd/${command}`,
      variables: KUBERNETES_VARIABLES,
    },
    estimate,
  };
}

/** Every program that the testbed runs. A new one is one entry here. */
export const BINARIES = {
  cosign: {
    version: '3.1.3',
    versionArgs: ['version'],
    versionPattern: /cosign: [^]*GitVersion:\s+v(\S+)/,
    recipe: { kind: 'module', package: 'github.com/sigstore/cosign/v3/cmd/cosign' },
    estimate: '4 minutes',
  },
  etcd: {
    version: '3.6.4',
    versionArgs: ['--version'],
    versionPattern: /etcd Version: (\S+)/,
    recipe: { kind: 'workspace', folder: 'kubernetes', package: 'go.etcd.io/etcd/server/v3' },
    estimate: '1 minute',
  },
  /** Our own front of it: testbed/build/sigstore/fulcio. */
  fulcio: {
    version: '1.8.8',
    versionArgs: ['-version'],
    versionPattern: /^github\.com\/sigstore\/fulcio v(\S+)/,
    recipe: { kind: 'workspace', folder: 'sigstore', package: './fulcio' },
    estimate: '1 minute',
  },
  'kube-apiserver': kubernetes('kube-apiserver', ['--version'], '5 minutes'),
  'kube-controller-manager': kubernetes('kube-controller-manager', ['--version'], '1 minute'),
  'kube-scheduler': kubernetes('kube-scheduler', ['--version'], '1 minute'),
  kubectl: kubernetes('kubectl', ['version', '--client'], '1 minute'),
  kwok: {
    version: '0.8.0',
    versionArgs: ['--version'],
    versionPattern: /kwok version v(\S+)/,
    recipe: { kind: 'module', package: 'sigs.k8s.io/kwok/cmd/kwok' },
    estimate: '2 minutes',
  },
  prometheus: {
    version: '3.16.0',
    versionArgs: ['--version'],
    versionPattern: /prometheus, version (\S+)/,
    recipe: {
      kind: 'module',
      package: 'github.com/prometheus/prometheus/cmd/prometheus',
      moduleVersion: '0.316.0',
      // The clients of clouds and clusters that it would discover targets with are most of a build.
      tags: ['remove_all_sd'],
      variables: { 'github.com/prometheus/common/version.Version': '3.16.0' },
    },
    estimate: '4 minutes',
  },
  /** CNCF Distribution. */
  registry: {
    version: '3.1.2',
    versionArgs: ['--version'],
    versionPattern: /distribution\/v3 v(\S+)/,
    recipe: {
      kind: 'module',
      package: 'github.com/distribution/distribution/v3/cmd/registry',
      variables: { 'github.com/distribution/distribution/v3/version.version': 'v3.1.2' },
    },
    estimate: '3 minutes',
  },
  /** Of Rekor 2, the newest that Go 1.26 builds. */
  rekor: {
    version: '2.3.0',
    versionArgs: ['version'],
    versionPattern: /log server \(POSIX\)[^]*GitVersion:\s+v(\S+)/,
    recipe: { kind: 'module', package: 'github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix' },
    estimate: '1 minute',
  },
  temporal: {
    version: '1.5.1',
    versionArgs: ['--version'],
    versionPattern: /temporal version (\S+)/,
    recipe: {
      kind: 'module',
      package: 'github.com/temporalio/cli/cmd/temporal',
      variables: { 'github.com/temporalio/cli/temporalcli.Version': '1.5.1' },
    },
    estimate: '2 minutes',
  },
  /** Our own front of it, the newest that Go 1.26 builds: testbed/build/sigstore/timestamp-authority. */
  'timestamp-authority': {
    version: '2.1.3',
    versionArgs: ['-version'],
    versionPattern: /^github\.com\/sigstore\/timestamp-authority\/v2 v(\S+)/,
    recipe: { kind: 'workspace', folder: 'sigstore', package: './timestamp-authority' },
    estimate: '1 minute',
  },
} as const satisfies Record<string, BinarySpec>;

export type BinaryName = keyof typeof BINARIES;

export const BINARY_NAMES: readonly BinaryName[] = [
  'cosign',
  'etcd',
  'fulcio',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubectl',
  'kwok',
  'prometheus',
  'registry',
  'rekor',
  'temporal',
  'timestamp-authority',
];
