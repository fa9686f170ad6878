/** Makes all images of the matrix, and writes docs/reference/image-matrix.md: `node test/support/write-image-matrix.ts`. */
import { writeFile } from 'node:fs/promises';
import { allCases } from './image-matrix/all.ts';
import { startBench } from './image-matrix/bench.ts';
import { matrixPage } from './image-matrix/page.ts';
import { faultOf, runCase } from './image-matrix/run.ts';
import { progress } from './soak.ts';
import type { Observed } from './image-matrix/types.ts';

const observed = new Map<string, Observed>();
const faults: string[] = [];
const bench = await startBench();
try {
  for (const one of allCases) {
    const said = await runCase(bench, one);
    observed.set(one.name, said);
    const fault = faultOf(one, said);
    if (fault !== undefined) faults.push(fault);
    progress(observed.size, allCases.length, 'images');
  }
} finally {
  await bench.stop();
}
for (const fault of faults) process.stderr.write(`\n${fault}\n`);
if (faults.length === 0)
  await writeFile(new URL('../../docs/reference/image-matrix.md', import.meta.url), matrixPage(observed));
else process.exitCode = 1;
