/** A randomised test that is run for long outside CI. */
export interface Soak {
  name: string;
  title: string;
  file: string;
  unit: 'runs' | 'seconds';
  amount: number;
  limitMinutes: number;
}

export const soaks: readonly Soak[] = [
  {
    name: 'crash',
    title: 'a worker killed at a random place of a whole playbook, 200 runs',
    file: 'test/workflow/random-crash.test.ts',
    unit: 'runs',
    amount: 200,
    limitMinutes: 180,
  },
  {
    name: 'model',
    title: 'random playbooks in the interpreter alone and on a Temporal server, 300 runs',
    file: 'test/workflow/model.test.ts',
    unit: 'runs',
    amount: 300,
    limitMinutes: 360,
  },
  {
    name: 'fuzz',
    title: 'broken YAML and CEL, 10 minutes',
    file: 'test/unit/language/fuzz.test.ts',
    unit: 'seconds',
    amount: 600,
    limitMinutes: 30,
  },
  {
    name: 'images',
    title: 'signed images, judged by cosign and by the engine, all of the matrix',
    file: 'test/services/images-matrix.test.ts',
    unit: 'runs',
    amount: 356,
    limitMinutes: 30,
  },
];

/** One line of docs/soak/results.jsonl. */
export interface Result {
  suite: string;
  at: string;
  commit: string;
  seed: number;
  runs?: number;
  seconds?: number;
  outcome: 'passed' | 'failed';
  tookSeconds: number;
  machine: string;
  /** What the test counted. */
  seen: { [name: string]: unknown };
  failures: string[];
}

/** The results as a page, newest first. */
export function summary(results: readonly Result[]): string {
  const rows = results.toReversed().map((result) => {
    const amount = result.runs === undefined ? `${result.seconds} s` : `${result.runs} runs`;
    const seen = Object.entries(result.seen).map(([name, value]) => `${name} ${String(value)}`);
    const cells = [result.at.slice(0, 10), result.suite, amount, result.seed, result.outcome];
    cells.push(`${result.tookSeconds} s`, result.commit, seen.join(', '), result.machine);
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '# Long runs',
    '',
    'What `script/soak` ran, newest first. It writes this page from `results.jsonl`, which also has the failures.',
    '',
    '| date | suite | amount | seed | outcome | took | commit | seen | machine |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}
