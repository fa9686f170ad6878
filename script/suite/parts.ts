import { whyNoAws } from '../../testbed/aws/moto.ts';

/** A tool that says yes or no: counted as one test. */
export interface Check {
  name: string;
  title: string;
  /** npm script, or a program of node_modules/.bin with its arguments. */
  command: readonly [string, ...string[]];
  limitMinutes: number;
}

const node = process.execPath;
const tool = (name: string, ...args: string[]): Check['command'] => [
  node,
  `node_modules/.bin/${name}`,
  ...args,
];

export const checks: readonly Check[] = [
  { name: 'types', title: 'TypeScript compiler', command: tool('tsc', '--noEmit'), limitMinutes: 5 },
  {
    name: 'lint',
    title: 'oxlint, with types',
    command: tool('oxlint', '--type-aware', '--deny-warnings'),
    limitMinutes: 5,
  },
  {
    name: 'format',
    title: 'Prettier',
    command: tool('prettier', '--check', '--log-level=warn', '.'),
    limitMinutes: 5,
  },
  {
    name: 'layers',
    title: 'which room imports which',
    command: ['npm', 'run', '--silent', 'layers'],
    limitMinutes: 5,
  },
  {
    name: 'unused',
    title: 'files, exports and dependencies that nobody uses',
    command: tool('knip', '--no-progress'),
    limitMinutes: 5,
  },
];

/** A folder of tests. */
export interface Tier {
  name: string;
  title: string;
  /** Programs of the testbed that must be there: all of them, some, or none. */
  programs: readonly string[];
  /** Fetched too where it can be; a test that needs it skips itself where it cannot, and says why. */
  timeSkipping?: true;
  /** Why it cannot run here; undefined when it can. */
  obstacle?: () => Promise<string | undefined>;
  /** Files at a time. A control plane takes both cores of a small machine: those tiers run one by one. */
  workers: number;
  limitMinutes: number;
}

const sigstore = ['cosign', 'fulcio', 'rekor', 'timestamp-authority'];
const cluster = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl', 'kwok'];

export const tiers: readonly Tier[] = [
  { name: 'unit', title: 'no server', programs: [], workers: 2, limitMinutes: 10 },
  {
    name: 'workflow',
    title: 'on a Temporal server',
    programs: ['temporal'],
    timeSkipping: true,
    workers: 2,
    limitMinutes: 20,
  },
  {
    name: 'cluster',
    title: 'on a Kubernetes API',
    programs: [...cluster, 'registry'],
    workers: 1,
    limitMinutes: 30,
  },
  {
    name: 'aws',
    title: 'on AWS, as moto enforces it',
    programs: [],
    obstacle: whyNoAws,
    workers: 2,
    limitMinutes: 15,
  },
  {
    name: 'services',
    title: 'on forges and registries',
    programs: ['registry', 'prometheus', ...sigstore],
    workers: 2,
    limitMinutes: 15,
  },
  {
    name: 'replay',
    title: 'histories and bundles, today’s and older ones',
    programs: ['temporal'],
    workers: 2,
    limitMinutes: 15,
  },
  {
    name: 'e2e',
    title: 'everything together',
    programs: ['temporal', ...cluster, 'registry', 'prometheus', ...sigstore],
    workers: 1,
    limitMinutes: 30,
  },
];
