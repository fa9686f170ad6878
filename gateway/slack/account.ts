import { ErrorCode, type WebClient } from '@slack/web-api';
import { z } from 'zod';
import type { Person } from '../../domain/person.ts';
import type { Directory } from '../people.ts';
import { Problem } from '../problem.ts';

/** Who clicked, as the payload says: both ids are Slack's. */
export interface SlackUser {
  user: string;
  team: string;
}

/** Milliseconds for which Slack's word on an account is trusted: a deactivated one is refused after at most this. */
const trustMs = 60_000;
const mostCached = 1_000;

const homeSchema = z.object({ team_id: z.string(), enterprise_id: z.string().nullish() });
type Home = z.infer<typeof homeSchema>;

/** docs.slack.dev/reference/objects/user-object. An absent `deleted` or guest flag is a no, as Slack leaves them out for bots and strangers. */
const accountSchema = z.object({
  id: z.string(),
  team_id: z.string(),
  deleted: z.boolean().default(false),
  is_bot: z.boolean().default(false),
  is_restricted: z.boolean().default(false),
  is_ultra_restricted: z.boolean().default(false),
  is_stranger: z.boolean().default(false),
  is_invited_user: z.boolean().default(false),
  enterprise_user: z.object({ id: z.string(), enterprise_id: z.string() }).optional(),
});
type Account = z.infer<typeof accountSchema>;

export interface Accounts {
  /**
   * The person behind a Slack user: known in our directory, and a full member of our own workspace or enterprise right now.
   * @throws Problem FB1314 (unknown), FB1315 (guest, bot, deactivated), FB1316 (another workspace's), FB1317 (Slack cannot be asked)
   */
  identify(who: SlackUser): Promise<Person>;
}

/** @param now Milliseconds. */
export function createAccounts(deps: {
  client: Pick<WebClient, 'auth' | 'users'>;
  directory: Pick<Directory, 'bySlack'>;
  now: () => number;
}): Accounts {
  const { client, directory, now } = deps;
  const cache = new Map<string, { account: Promise<Account>; until: number }>();
  let home: Promise<Home> | undefined;

  function ourHome(): Promise<Home> {
    home ??= client.auth.test().then((answer) => homeSchema.parse(answer));
    // A failure is asked again by the next click.
    home.catch(() => (home = undefined));
    return home;
  }

  function accountOf(user: string): Promise<Account> {
    const cached = cache.get(user);
    if (cached !== undefined && cached.until > now()) return cached.account;
    const account = client.users.info({ user }).then((answer) => accountSchema.parse(answer.user));
    account.catch(() => cache.delete(user));
    if (cache.size >= mostCached) cache.clear();
    cache.set(user, { account, until: now() + trustMs });
    return account;
  }

  async function ask(user: string): Promise<[Home, Account]> {
    try {
      return await Promise.all([ourHome(), accountOf(user)]);
    } catch (error) {
      const code = slackError(error);
      if (code === 'user_not_found' || code === 'user_not_visible') throw stranger();
      const why = code === undefined ? '' : ` (Slack says ${code})`;
      throw new Problem(503, 'FB1317', `your account could not be checked with Slack${why}; try again`, {
        cause: error,
      });
    }
  }

  return {
    async identify(who) {
      const [ours, account] = await ask(who.user);
      const org = account.enterprise_user;
      const sameOrg = org !== undefined && org.enterprise_id === ours.enterprise_id;
      const sameTeam = account.team_id === ours.team_id;
      if (account.id !== who.user || account.is_stranger || (!sameOrg && !sameTeam)) throw stranger();
      // In one enterprise a person clicks in several workspaces; otherwise the click must come from where the account is.
      if (!sameOrg && who.team !== account.team_id) throw stranger();
      if (account.deleted) throw barred('your Slack account is deactivated');
      if (account.is_bot || account.id === 'USLACKBOT') throw barred('bots decide nothing');
      if (account.is_restricted || account.is_ultra_restricted)
        throw barred('guests of the workspace decide nothing');
      if (account.is_invited_user) throw barred('your Slack account has not been confirmed yet');
      const person = lookUp(directory, account, sameOrg ? org : undefined);
      if (person === undefined) {
        throw new Problem(
          403,
          'FB1314',
          `you are not in Firebreak's directory; whoever configures it adds Slack user ${account.id} of ${account.team_id} to "people"`,
        );
      }
      return person;
    },
  };
}

/** In an enterprise a person may have an id of the workspace and another of the organisation: both must lead to one person. */
function lookUp(
  directory: Pick<Directory, 'bySlack'>,
  account: Account,
  org: Account['enterprise_user'],
): Person | undefined {
  const enterprise = org === undefined ? {} : { enterprise: org.enterprise_id };
  const ids = new Set([account.id, org?.id ?? account.id]);
  const found = [...ids]
    .map((user) => directory.bySlack({ team: account.team_id, user, ...enterprise }))
    .filter((person) => person !== undefined);
  return new Set(found.map((person) => person.id)).size === 1 ? found[0] : undefined;
}

const stranger = () =>
  new Problem(
    403,
    'FB1316',
    'your Slack account belongs to another workspace; only members of this one decide',
  );
const barred = (why: string) => new Problem(403, 'FB1315', why);

function slackError(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== ErrorCode.PlatformError)
    return undefined;
  return z.object({ data: z.object({ error: z.string() }) }).safeParse(error).data?.data.error;
}
