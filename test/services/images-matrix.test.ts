import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { allCases, aThird } from '../support/image-matrix/all.ts';
import { startBench, type Bench } from '../support/image-matrix/bench.ts';
import { faultOf, runCase } from '../support/image-matrix/run.ts';
import { progress, reportSoak, seeded, soakOf } from '../support/soak.ts';

const { seeds } = soakOf(0);
/** A long run draws as many as it is told, in an order of its seed. */
const chosen = seeds.length === 0 ? aThird : drawn(seeds[0] ?? 0).slice(0, seeds.length);

let bench: Bench;
let done = 0;
let stricter = 0;

beforeAll(async () => {
  bench = await startBench();
}, 1_200_000);

afterAll(async () => {
  reportSoak({ images: done, 'stricter than cosign': stricter });
  await bench.stop();
});

test.each(chosen.map((one) => [one.name, one] as const))(
  '%s',
  async (_name, one) => {
    const observed = await runCase(bench, one);
    done += 1;
    if (one.stricter !== undefined) stricter += 1;
    progress(done, chosen.length, 'images');
    expect(faultOf(one, observed)).toBeUndefined();
  },
  120_000,
);

/** All cases, in an order that the seed decides. */
function drawn(seed: number): typeof allCases {
  const random = seeded(seed);
  return allCases
    .map((one) => ({ one, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ one }) => one);
}
