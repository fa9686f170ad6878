import { z } from 'zod';
import type { Collection, Missing } from './collection.ts';
import { digestShape } from '../shapes.ts';

const shape = z.strictObject({
  v: z.literal(1),
  cluster: z.string(),
  namespace: z.string(),
  artefacts: z.array(
    z.strictObject({
      name: z.string(),
      digest: digestShape,
      size: z.int(),
      mediaType: z.string(),
      source: z.string(),
    }),
  ),
  unavailable: z.array(z.strictObject({ what: z.string(), why: z.string(), expected: z.boolean() })),
});

/** All that a run collected and could not collect. Without times, so that a retry that finds the same writes the same. */
export type Manifest = z.infer<typeof shape>;

export function manifestOf(cluster: string, namespace: string, collection: Collection): Manifest {
  return {
    v: 1,
    cluster,
    namespace,
    artefacts: collection.records
      .map(({ name, ref, source }) => ({ name, ...ref, source }))
      .toSorted((a, b) => compare(a.name, b.name)),
    unavailable: collection.missing.toSorted((a, b) => compare(a.what, b.what)),
  };
}

/** @throws when the bytes are no manifest. */
export function readManifest(bytes: Uint8Array): Manifest {
  return shape.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
}

/** The first of what is missing, for a report: faults before what was to be expected, and how many more there are. */
export function shortened(missing: readonly Missing[], most: number): { what: string; why: string }[] {
  const ordered = missing.toSorted((a, b) => Number(a.expected) - Number(b.expected));
  const named = ordered.slice(0, most).map(({ what, why }) => ({ what, why }));
  const more = missing.length - named.length;
  return more === 0 ? named : [...named, { what: `${more} more`, why: 'named in the manifest' }];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
