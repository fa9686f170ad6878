import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { binary } from './binaries.ts';
import { BINARY_NAMES } from './binaries/catalogue.ts';
import { startKubernetes } from './kubernetes.ts';
import { startTemporal } from './temporal.ts';
import { timeSkippingJars } from './time-skipping/jars.ts';

/** Something that runs until it is stopped, and the environment with which a program finds it. */
interface Part {
  env: Record<string, string>;
  /** For the person: what it is and where. */
  summary: string;
  stop(): Promise<void>;
}

const PARTS = {
  async temporal(dir: string): Promise<Part> {
    const temporal = await startTemporal({ dir, ui: true });
    return {
      env: { TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: temporal.namespace },
      summary: `Temporal   ${temporal.address}   UI ${temporal.uiAddress ?? 'off'}   log ${temporal.logFile}`,
      stop: () => temporal.stop(),
    };
  },
  async kubernetes(dir: string): Promise<Part> {
    const kubernetes = await startKubernetes({ dir });
    return {
      env: { KUBECONFIG: kubernetes.adminKubeconfig },
      summary: `Kubernetes ${kubernetes.url}   kubectl ${kubernetes.kubectl}   logs ${kubernetes.dir}`,
      stop: () => kubernetes.stop(),
    };
  },
};

type PartName = keyof typeof PARTS;
const PART_NAMES: PartName[] = ['temporal', 'kubernetes'];

/** Runs the parts until SIGINT or SIGTERM, then stops them. */
async function up({ only }: { only: PartName[] }): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'firebreak-testbed-'));
  // Also on the way out of a start that was interrupted, when what started is still being ended.
  process.on('exit', () => rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
  let starting = true;
  const signalled = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        // Nothing to stop in order yet, or a second Ctrl-C: each part's watchdog ends it when this process ends.
        if (starting || stopping) process.exit(130);
        resolve();
      });
    }
  });
  let stopping = false;
  const parts: Part[] = [];
  try {
    // One after the other: the progress of two first builds must not mix.
    for (const name of only) parts.push(await PARTS[name](join(dir, name)));
    starting = false;
    for (const part of parts) process.stdout.write(`# ${part.summary}\n`);
    for (const part of parts) {
      for (const [name, value] of Object.entries(part.env)) process.stdout.write(`export ${name}=${value}\n`);
    }
    process.stdout.write('# running; Ctrl-C stops everything\n');
    // The parts do not keep this process alive.
    const keepAlive = setInterval(() => {}, 60_000);
    await signalled;
    stopping = true;
    clearInterval(keepAlive);
  } finally {
    await Promise.all(parts.map((part) => part.stop()));
  }
}

function partNames(value: string): PartName[] {
  return value.split(',').map((name) => {
    const known = PART_NAMES.find((part) => part === name.trim());
    if (known === undefined) throw new InvalidArgumentError(`there are ${PART_NAMES.join(', ')}`);
    return known;
  });
}

/** Everything that can be prepared ahead: the programs, and the time-skipping server's jars. */
const PREPARED = [...BINARY_NAMES, 'time-skipping'] as const;
type Prepared = (typeof PREPARED)[number];

function preparedName(value: string, previous: Prepared[] = []): Prepared[] {
  const known = PREPARED.find((name) => name === value);
  if (known === undefined) throw new InvalidArgumentError(`there are ${PREPARED.join(', ')}`);
  return [...previous, known];
}

const program = new Command('testbed').description(
  'The real parts that Firebreak is tried against, on this machine',
);
program
  .command('up')
  .description('start the parts, print how to reach them, stop them on Ctrl-C')
  .option('--only <parts>', `some of ${PART_NAMES.join(',')}`, partNames, PART_NAMES)
  .action(up);
program
  .command('build')
  .description('find or build the programs, and print where they are')
  .argument('[names...]', `some of ${PREPARED.join(', ')}; default: all programs`, preparedName)
  .action(async (names: Prepared[] | undefined) => {
    for (const name of names?.length ? names : BINARY_NAMES) {
      const path = name === 'time-skipping' ? await timeSkippingJars() : await binary(name);
      process.stdout.write(`${name} ${path}\n`);
    }
  });

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`testbed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
