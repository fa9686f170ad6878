import { z } from 'zod';
import type { Provenance } from './verified.ts';

const provenanceV1 = 'https://slsa.dev/provenance/v1';
const provenanceV02 = 'https://slsa.dev/provenance/v0.2';

/** The predicates from which a builder and a source can be read. */
export const provenancePredicates: readonly string[] = [provenanceV1, provenanceV02];

const text = z.string().max(2_000);

/** https://slsa.dev/spec/v1.0/provenance: where the source is depends on the build type; these are those of the common builders. */
const v1 = z.object({
  buildDefinition: z.object({
    externalParameters: z.object({
      workflow: z.object({ repository: text }).optional().catch(undefined),
      source: z
        .union([text, z.object({ uri: text }).transform(({ uri }) => uri)])
        .optional()
        .catch(undefined),
    }),
  }),
  runDetails: z.object({ builder: z.object({ id: text }) }),
});

/** https://slsa.dev/spec/v0.2/provenance */
const v02 = z.object({
  builder: z.object({ id: text }),
  invocation: z.object({ configSource: z.object({ uri: text.optional() }).optional() }).optional(),
});

/**
 * Builder and sources of an SLSA provenance; undefined for another predicate, and for one that cannot be read.
 * Only what the builder itself vouches for or was asked for: the dependencies it lists may name any repository.
 */
export function provenanceOf(predicateType: string, predicate: unknown): Provenance | undefined {
  if (predicateType === provenanceV1) {
    const parsed = v1.safeParse(predicate);
    if (!parsed.success) return undefined;
    const { workflow, source } = parsed.data.buildDefinition.externalParameters;
    return {
      builder: parsed.data.runDetails.builder.id,
      sources: [workflow?.repository, source].filter((one) => one !== undefined),
    };
  }
  if (predicateType === provenanceV02) {
    const parsed = v02.safeParse(predicate);
    if (!parsed.success) return undefined;
    const uri = parsed.data.invocation?.configSource?.uri;
    return { builder: parsed.data.builder.id, sources: uri === undefined ? [] : [uri] };
  }
  return undefined;
}
