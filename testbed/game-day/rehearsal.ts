import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, parseDocument } from 'yaml';
import { z } from 'zod';
import { workloadKinds } from '../demo/shop.ts';
import { mishap } from './mishaps.ts';

const name = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'lower-case letters, digits and hyphens');
const seconds = z
  .string()
  .regex(/^[1-9]\d{0,4}(s|m)$/, 'a time such as 30s or 2m')
  .transform((text) => Number(text.slice(0, -1)) * (text.endsWith('m') ? 60_000 : 1_000));
const value = z.union([z.string(), z.number(), z.boolean()]);
const person = z.enum(['ada', 'ben', 'dana', 'eve']);

/** Or one of the signed images, such as `image:good`. */
const image = z.string().min(1).max(300);
const workload = z.strictObject({
  name,
  kind: z.enum(workloadKinds).default('Deployment'),
  'service-account': name.default('default'),
  image,
  /** Older revisions, the oldest first. What comes after the first of them came after `changed.at`, which inputs may name. */
  before: z
    .array(z.strictObject({ image, command: z.array(z.string().min(1)).min(1).optional() }))
    .max(10)
    .default([]),
  replicas: z.int().min(1).max(50).default(1),
  'host-network': z.boolean().default(false),
});

/** A secret's name in the store `vault`, without the store's. */
const inVault = z
  .string()
  .regex(/^[a-z][a-z0-9/-]{0,99}$/, 'lower-case letters, digits, hyphens and slashes');
/** The step whose verification proves that it is refused. */
const provenBy = z.string().min(1).max(300);

/** What leaked: whoever stole it uses it before the incident is opened, and goes on trying until the end. */
const stolen = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('service-account-token'),
    namespace: name,
    'service-account': name,
    'proven-by': provenBy,
  }),
  z.strictObject({
    kind: z.literal('github-token'),
    /** Where its finder has put it for Firebreak. */
    secret: inVault,
    'proven-by': provenBy,
  }),
  z.strictObject({
    kind: z.literal('registry-password'),
    /** Where it is kept. */
    secret: inVault,
    /** Images that are pushed with it before the incident is opened. */
    pushes: z.int().min(0).max(20).default(0),
    'proven-by': provenBy,
  }),
  z.strictObject({
    kind: z.literal('access-key'),
    /** Where its consumers read it. */
    secret: inVault,
    /** Where its finder has put it for Firebreak. */
    leaked: inVault.optional(),
    'proven-by': provenBy,
  }),
  z.strictObject({
    kind: z.literal('function-session'),
    /** Where its finder has put it for Firebreak. */
    leaked: inVault.optional(),
    'proven-by': provenBy,
  }),
  z.strictObject({ kind: z.literal('gitlab-token'), secret: inVault, 'proven-by': provenBy }),
  z.strictObject({ kind: z.literal('runner-token'), secret: inVault, 'proven-by': provenBy }),
  z.strictObject({
    kind: z.literal('robot-secret'),
    /** Where it is kept. */
    secret: inVault,
    /** Images that are pushed with it before the incident is opened. */
    pushes: z.int().min(0).max(20).default(0),
    'proven-by': provenBy,
  }),
]);
export type Stolen = z.infer<typeof stolen>;

const opening = z.union([
  z.strictObject({
    /** A scanner's report of a credential that it found; the route's inputs. */
    report: z.strictObject({
      namespace: name,
      rule: z.string().min(1).max(200),
      inputs: z.record(z.string(), z.json()),
    }),
  }),
  z.strictObject({
    /** A shell in a container of this namespace, as Falco posts it. */
    alert: z.strictObject({ namespace: name }),
  }),
  z.strictObject({
    /** By hand: whoever opens it cannot approve it. */
    run: z.strictObject({
      by: person,
      inputs: z.record(z.string(), z.union([value, z.array(value).max(50)])).default({}),
      severity: z.enum(['info', 'low', 'medium', 'high', 'critical']).optional(),
    }),
  }),
]);

const answer = z.strictObject({
  /** The question's id; `*` stands for any text. */
  gate: z.string().min(1).max(300),
  by: person,
  verdict: z.enum(['approve', 'deny']).default('approve'),
  /** What is filled into a form. */
  fields: z.record(z.string(), value).optional(),
  /** How long the person thinks. */
  after: seconds.optional(),
});

const rehearsalShape = z.strictObject({
  about: z.string().min(1).max(500),
  namespaces: z
    .array(
      z.strictObject({
        name,
        labels: z.record(z.string(), z.string()).default({}),
        workloads: z.array(workload).max(20).default([]),
        /** Somebody's shortcut: a policy that allows everything. */
        'allow-all': z.boolean().default(false),
        /** Each with a ClusterRole that it has in this namespace. */
        'service-accounts': z
          .array(z.strictObject({ name, role: z.enum(['view', 'edit', 'admin']) }))
          .max(20)
          .default([]),
      }),
    )
    .max(20),
  /** What is started beside the cluster. */
  beside: z
    .array(z.enum(['github', 'registry', 'signed-images', 'metrics', 'aws', 'gitlab', 'harbor']))
    .refine((all) => !all.includes('signed-images') || all.includes('registry'), {
      error: 'signed-images are in the registry: add it',
    })
    .default([]),
  stolen: z.array(stolen).max(10).default([]),
  open: opening,
  answers: z.array(answer).max(100),
  expect: z.strictObject({
    status: z.enum(['holding', 'closed']),
    outcome: z.string().optional(),
    /** Status of each of these steps, by address. */
    steps: z.record(z.string(), z.string()),
    /** Of the playbook's outputs these, exactly. */
    outputs: z.record(z.string(), z.json()).default({}),
    /** The playbook's output that must hold the digests of what was pushed, and no others; the step that finds them. */
    pushed: z.strictObject({ output: z.string().min(1), 'found-by': z.string().min(1) }).optional(),
    /** Workloads whose template, and each pod, has exactly this image at the end, before any release. */
    runs: z
      .array(
        z.strictObject({
          namespace: name,
          kind: z.enum(workloadKinds).default('Deployment'),
          workload: name,
          image,
        }),
      )
      .default([]),
    within: seconds,
  }),
  mishaps: z.array(mishap).max(10).default([]),
  /** Whether it is released afterwards (asked for by ada, approved by ben), and must then be closed. */
  release: z.boolean().default(false),
});
export type Rehearsal = z.infer<typeof rehearsalShape>;

/** The folders of playbooks that have a rehearsal, with the playbook's id. */
export async function rehearsed(playbooks: string): Promise<{ id: string; folder: string; file: string }[]> {
  const entries = (await readdir(playbooks, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const found = await Promise.all(
    entries.map(async ({ name: folder }) => {
      const files = await readdir(join(playbooks, folder));
      if (!files.includes('rehearsal.yaml') || !files.includes('playbook.yaml')) return [];
      // A file that is no playbook is named when Firebreak starts.
      const id: unknown = parseDocument(await readFile(join(playbooks, folder, 'playbook.yaml'), 'utf8')).get(
        'id',
      );
      return typeof id === 'string' ? [{ id, folder, file: join(playbooks, folder, 'rehearsal.yaml') }] : [];
    }),
  );
  return found.flat().toSorted((left, right) => (left.id < right.id ? -1 : 1));
}

/** @throws Error naming the file, the field and what is wrong with it */
export async function readRehearsal(file: string): Promise<Rehearsal> {
  const result = rehearsalShape.safeParse(parse(await readFile(file, 'utf8')));
  if (result.success) return result.data;
  throw new Error(`${file}: ${z.prettifyError(result.error)}`);
}
