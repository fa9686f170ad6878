import { z } from 'zod';
import { FirebreakError } from '../domain/errors.ts';
import type { Person } from '../domain/person.ts';

const identifier = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/,
    'must be lower-case letters, digits, ".", "_" or "-", at most 64',
  );

const slackIdentity = z.strictObject({
  /** Workspace id, `T…`. */
  team: z.string().regex(/^T[A-Z0-9]+$/, 'must be a workspace id such as T012AB3CD'),
  user: z.string().regex(/^[UW][A-Z0-9]+$/, 'must be a user id such as U012AB3CD'),
  /** Enterprise Grid: the user is then the same in all its workspaces. */
  enterprise: z
    .string()
    .regex(/^E[A-Z0-9]+$/, 'must be an enterprise id such as E012AB3CD')
    .optional(),
});
export type SlackIdentity = z.infer<typeof slackIdentity>;

const personSchema = z.strictObject({
  id: identifier,
  kind: z.literal('person').default('person'),
  name: z.string().trim().min(1).max(100),
  groups: z.array(identifier).max(50).default([]),
  /** An inactive person keeps the name in old records and decides nothing. */
  active: z.boolean().default(true),
  /** Several ids are still one person, who counts once. */
  slack: z.array(slackIdentity).max(20).default([]),
});

const serviceSchema = z.strictObject({
  id: identifier,
  kind: z.literal('service'),
  name: z.string().max(100).optional(),
});

/** The configuration's `people`: persons, and services (detectors) that own tokens but never decide. */
export const peopleSchema = z.array(z.union([serviceSchema, personSchema])).max(5_000);

/** Who is who. Identity is the person's id; all else are ways to reach it. */
export interface Directory {
  /** An active person; undefined for anyone else, services included. */
  person(id: string): Person | undefined;
  /** The active person behind a Slack user, by workspace or enterprise; never by name. */
  bySlack(identity: SlackIdentity): Person | undefined;
  /** Whether a token may belong to this id: an active person or a service. */
  mayOwnTokens(id: string): boolean;
  /** All active persons: what an incident's policy freezes. */
  people(): Person[];
}

/**
 * Reads the directory from configuration.
 * @throws FirebreakError FB1601 for a wrong shape, FB1602 for an id used twice, FB1603 for a Slack user of two persons.
 */
export function createDirectory(configuration: unknown): Directory {
  const parsed = peopleSchema.safeParse(configuration);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = ['people', ...(issue?.path ?? [])].join('.');
    throw new FirebreakError('FB1601', `${field}: ${issue?.message ?? 'is not valid'}`);
  }
  const persons = new Map<string, Person>();
  const services = new Set<string>();
  const seen = new Set<string>();
  const slack = new Map<string, { owner: string; active: boolean }>();
  for (const entry of parsed.data) {
    if (seen.has(entry.id)) {
      throw new FirebreakError('FB1602', `people: the id "${entry.id}" is used twice; give each its own`);
    }
    seen.add(entry.id);
    if (entry.kind === 'service') {
      services.add(entry.id);
      continue;
    }
    // An inactive person's Slack ids stay taken: nobody inherits them by accident.
    for (const identity of entry.slack) claim(slack, identity, entry);
    if (entry.active) persons.set(entry.id, { id: entry.id, name: entry.name, groups: entry.groups });
  }
  return {
    person: (id) => persons.get(id),
    bySlack: (identity) => {
      const found = slackKeys(identity)
        .map((key) => slack.get(key))
        .filter((claimed) => claimed !== undefined);
      const owners = new Set(found.map((claimed) => claimed.owner));
      const [owner] = owners;
      // A workspace id of one person with the enterprise id of another is nobody we know.
      return owners.size === 1 && owner !== undefined ? persons.get(owner) : undefined;
    },
    mayOwnTokens: (id) => persons.has(id) || services.has(id),
    people: () => [...persons.values()],
  };
}

function claim(
  taken: Map<string, { owner: string; active: boolean }>,
  identity: SlackIdentity,
  person: { id: string; active: boolean },
): void {
  for (const key of slackKeys(identity)) {
    const owner = taken.get(key)?.owner;
    if (owner !== undefined && owner !== person.id) {
      throw new FirebreakError(
        'FB1603',
        `people: Slack user ${identity.user} belongs to both "${owner}" and "${person.id}"; remove it from one of them`,
      );
    }
    taken.set(key, { owner: person.id, active: person.active });
  }
}

/** The pairs under which a Slack user is known: (workspace, user), and (enterprise, user) on Enterprise Grid. */
function slackKeys({ team, user, enterprise }: SlackIdentity): string[] {
  return enterprise === undefined ? [`${team}/${user}`] : [`${team}/${user}`, `${enterprise}/${user}`];
}
