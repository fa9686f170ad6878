import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { checkParts } from '../../audit/verify.ts';
import { copyOf, makeSpecimen, type Specimen } from '../support/bundles.ts';

let specimen: Specimen;
let files: string[];
beforeAll(async () => {
  specimen = await makeSpecimen();
  const found = await readdir(specimen.dir, { recursive: true, withFileTypes: true });
  files = found
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(specimen.dir.length + 1));
}, 120_000);
afterAll(async () => {
  await specimen.engine.stop();
});

/** A bundle whose file was changed and put back: copying for each run would be most of the test. */
async function findingsWith(dir: string, name: string, change: (bytes: Buffer) => Buffer): Promise<number> {
  const path = join(dir, name);
  const bytes = await readFile(path);
  await writeFile(path, change(Buffer.from(bytes)));
  try {
    return (await checkParts(dir, specimen.key)).findings.count;
  } finally {
    await writeFile(path, bytes);
  }
}

test('no flipped bit, dropped byte or cut-off tail of any file passes, and none crashes the verifier', async () => {
  const dir = await copyOf(specimen.dir);
  expect((await checkParts(dir, specimen.key)).findings.count).toBe(0);
  expect(files.length).toBeGreaterThan(12);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...files),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.integer({ min: 0, max: 7 }),
      fc.constantFrom('flip', 'drop', 'cut'),
      async (name, where, bit, how) => {
        const count = await findingsWith(dir, name, (bytes) => {
          const at = Math.floor(where * bytes.length);
          if (how === 'cut') return bytes.subarray(0, at);
          if (how === 'drop') return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
          bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
          return bytes;
        });
        expect(count).toBeGreaterThan(0);
      },
    ),
    { numRuns: 600 },
  );
}, 120_000);
