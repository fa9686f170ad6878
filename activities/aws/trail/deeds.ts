import type { Account } from '../accounts.ts';
import { lookupEvents, textIn, type TrailEvent } from './lookup.ts';

/** Sessions begin sessions: how many credentials of a chain are followed. */
const MAX_CREDENTIALS = 50;

/** What was done with a key, and with every session that came of it. */
export interface Deeds {
  /** Access key ids that were followed, the first one included. */
  credentials: string[];
  /** ARNs of the account's own roles. */
  rolesAssumed: string[];
  /** ARNs of roles of other accounts. */
  rolesElsewhere: string[];
  /** ARNs of users and roles. */
  principalsCreated: string[];
  /** Ids of long-term keys. */
  keysCreated: string[];
  /** `user/NAME` and `role/NAME`, whose policies, trust or password were written. */
  principalsChanged: string[];
  events: number;
  /** Not all could be read: too many, or too many credentials. */
  truncated: boolean;
}

/** IAM's calls that change what a user or a role may do, or who may be one. */
const changes =
  /^(Put|Attach|Detach|Delete)(User|Role)Policy$|^(UpdateAssumeRolePolicy|CreateLoginProfile|UpdateLoginProfile|AddUserToGroup)$|^(Put|Delete)(User|Role)PermissionsBoundary$/;

/**
 * Follows a key through CloudTrail. Only calls that succeeded count.
 * @param progress called before each page
 */
export async function deedsOf(
  place: { account: Account; incident: string; signal: AbortSignal },
  accessKeyId: string,
  window: { from: Date; to: Date; maxPages: number },
  progress: () => Promise<void>,
): Promise<Deeds> {
  const deeds: Deeds = {
    credentials: [accessKeyId],
    rolesAssumed: [],
    rolesElsewhere: [],
    principalsCreated: [],
    keysCreated: [],
    principalsChanged: [],
    events: 0,
    truncated: false,
  };
  // The list grows while it is read.
  for (const credential of deeds.credentials) {
    const question = { attribute: { key: 'AccessKeyId' as const, value: credential }, ...window };
    const { events, truncated } = await lookupEvents(place, question, progress);
    deeds.events += events.length;
    deeds.truncated ||= truncated;
    for (const event of events) if (event.errorCode === undefined) note(deeds, event, place.account);
  }
  return deeds;
}

function note(deeds: Deeds, { name, detail }: TrailEvent, account: Account): void {
  const session = textIn(detail, 'responseElements', 'credentials', 'accessKeyId');
  if (session !== undefined) {
    if (deeds.credentials.length < MAX_CREDENTIALS) add(deeds.credentials, session);
    else deeds.truncated = true;
  }
  const role = name.startsWith('AssumeRole') ? textIn(detail, 'requestParameters', 'roleArn') : undefined;
  if (role !== undefined) {
    add(role.split(':')[4] === account.id ? deeds.rolesAssumed : deeds.rolesElsewhere, role);
  }
  if (name === 'CreateUser') add(deeds.principalsCreated, textIn(detail, 'responseElements', 'user', 'arn'));
  if (name === 'CreateRole') add(deeds.principalsCreated, textIn(detail, 'responseElements', 'role', 'arn'));
  if (name === 'CreateAccessKey') {
    add(deeds.keysCreated, textIn(detail, 'responseElements', 'accessKey', 'accessKeyId'));
  }
  if (changes.test(name)) {
    const user = textIn(detail, 'requestParameters', 'userName');
    const changed = textIn(detail, 'requestParameters', 'roleName');
    if (user !== undefined) add(deeds.principalsChanged, `user/${user}`);
    if (changed !== undefined) add(deeds.principalsChanged, `role/${changed}`);
  }
}

function add(list: string[], value: string | undefined): void {
  if (value !== undefined && !list.includes(value)) list.push(value);
}
