import { z } from 'zod';
import { isObject, type Digest, type JsonObject } from '../../domain/json.ts';

/** The version of the layout that is written. Readers refuse any other. */
export const bundleFormat = 'firebreak/bundle/v1';

export const names = {
  manifest: 'manifest.json',
  manifestSignature: 'manifest.sig.json',
  ledger: 'ledger.jsonl',
  seal: 'seal.json',
  accessLog: 'access-log.jsonl',
  evidence: 'evidence.json',
  evidenceDir: 'evidence',
  playbook: 'playbook.json',
  readme: 'README.txt',
} as const;

const runId = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
export const runIdPattern = new RegExp(`^${runId}$`);
const historyPattern = new RegExp(`^history-(${runId})\\.json$`);
const artefactPattern = /^evidence\/([0-9a-f]{64})$/;
const variable = [historyPattern, new RegExp(`^history-${runId}\\.seal\\.json$`), artefactPattern];

export const historyName = (run: string): string => `history-${run}.json`;
export const historySealName = (run: string): string => `history-${run}.seal.json`;
export const artefactName = (digest: Digest): string =>
  `${names.evidenceDir}/${digest.slice('sha256:'.length)}`;

/** The run that a file name is the history of. */
export function runOf(name: string): string | undefined {
  return historyPattern.exec(name)?.[1];
}

/** The digest that a file name says an artefact has. */
export function artefactDigest(name: string): Digest | undefined {
  const hex = artefactPattern.exec(name)?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

/** Files that every bundle has, beside one history and its seal at least. */
export const required: readonly string[] = [
  names.ledger,
  names.seal,
  names.accessLog,
  names.evidence,
  names.playbook,
  names.readme,
];

/** Whether a manifest may list this name: an allow-list, so that no spelling of `..` or of an absolute path has to be recognised. */
export function isListable(name: string): boolean {
  return required.includes(name) || variable.some((pattern) => pattern.test(name));
}

/** Bytes of one file and of a whole bundle that a reader accepts; what is larger was not written by Firebreak. */
export const limits = {
  files: 100_000,
  /** A history is at most 50 MB in the server, and a half more as JSON with base64. */
  jsonBytes: 128 * 1024 * 1024,
  artefactBytes: 4 * 1024 * 1024 * 1024,
  totalBytes: 64 * 1024 * 1024 * 1024,
} as const;

const digest = z.custom<Digest>((value) => typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value));
/** RFC 3339 in UTC with milliseconds or none, as everything here is written. */
const utc = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/)
  .refine((text) => !Number.isNaN(Date.parse(text)));
const count = z.int().nonnegative();
const publicKey = z.strictObject({ id: z.string(), key: z.string() });

const signed = <S extends z.ZodType>(payload: S) =>
  z.strictObject({ payload, keyId: z.string(), signature: z.string() });

export const manifestShape = z.strictObject({
  type: z.literal(bundleFormat),
  incident: z.string(),
  at: utc,
  files: z.array(z.strictObject({ name: z.string(), digest, size: count })),
});
/** `manifest.json`: every other file but its own signature. */
export type Manifest = z.infer<typeof manifestShape>;

/** What the ledger's signer signs for a bundle. */
export interface ManifestSeal {
  type: 'firebreak/manifest/v1';
  incident: string;
  /** SHA-256 of the bytes of `manifest.json`. */
  manifest: Digest;
  at: string;
}
export const signedManifestShape = signed(
  z.strictObject({
    type: z.literal('firebreak/manifest/v1'),
    incident: z.string(),
    manifest: digest,
    at: utc,
  }),
);

export const signedSealShape = signed(
  z.strictObject({
    type: z.literal('firebreak/seal/v1'),
    incident: z.string(),
    head: digest,
    count,
    outcome: z.string(),
    workflowBundle: digest,
    gatewayKeys: z.array(publicKey),
    workflowId: z.string(),
    runId: z.string(),
    at: utc,
  }),
);

export const signedHistorySealShape = signed(
  z.strictObject({
    type: z.literal('firebreak/history/v1'),
    incident: z.string(),
    workflowId: z.string(),
    runId: z.string(),
    history: digest,
    events: count,
    at: utc,
  }),
);

const data = z.custom<JsonObject>(isObject);

export const entryShape = z.strictObject({
  v: z.literal(1),
  incident: z.string(),
  seq: count,
  prev: digest,
  at: utc,
  kind: z.string(),
  data,
  hash: digest,
});

export const evidenceIndexShape = z.array(
  z.strictObject({
    ref: z.strictObject({ digest, size: count, mediaType: z.string() }),
    name: z.string(),
    incident: z.string(),
    collector: z.string(),
    source: z.string(),
    at: utc,
  }),
);

const accessShape = z.strictObject({
  v: z.literal(1),
  seq: count,
  prev: digest,
  at: utc,
  outcome: z.enum(['accepted', 'refused']),
  kind: z.string(),
  code: z.string().exactOptional(),
  incident: z.string().exactOptional(),
  actor: z.string(),
  detail: data,
  hash: digest,
});
/** A line about another incident: its place in the chain, and nothing else. */
const withheldShape = z.strictObject({ withheld: z.literal(true), seq: count, prev: digest, hash: digest });
export const accessLineShape = z.union([accessShape, withheldShape]);
export type AccessLine = z.infer<typeof accessLineShape>;
