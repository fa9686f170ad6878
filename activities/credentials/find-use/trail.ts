import { GetAccessKeyLastUsedCommand } from '@aws-sdk/client-iam';
import type { Account } from '../../aws/accounts.ts';
import { isAwsError } from '../../aws/errors.ts';
import { lookupEvents, textIn, type TrailEvent } from '../../aws/trail/lookup.ts';
import type { PushedImage, Uses } from './use.ts';
import { isWithin, type Window } from './window.ts';

const day = 86_400_000;
const HISTORY_MS = 90 * day;
/** CloudTrail shows a call this long after it at the latest. Milliseconds. */
const LAG_MS = 15 * 60_000;
/** Pages of one credential in one region: 50 events each, half a second apart. */
const MAX_PAGES = 100;
/** Sessions begin sessions: credentials of a chain that are followed. */
const MAX_CREDENTIALS = 20;
/** Its last use is known to about a minute, and the trail may lag behind it. Milliseconds. */
const LAST_USE_SLACK_MS = 60_000;

/**
 * What was done with a key and with the sessions that came of it: CloudTrail's history of events, and what IAM knows of the key's last use.
 * @param progress called before each page
 */
export async function findInTrail(
  place: { account: Account; incident: string; signal: AbortSignal },
  accessKeyId: string,
  window: Window,
  context: { now: Date; uses: Uses; progress: () => Promise<void> },
): Promise<void> {
  const { account } = place;
  const { now, uses, progress } = context;
  const what = `CloudTrail of account ${account.name}`;
  const oldest = now.getTime() - HISTORY_MS;
  if (window.since.getTime() < oldest)
    uses.miss(what, `its history begins 90 days ago, at ${new Date(oldest).toISOString()}`);
  if (now.getTime() - window.until.getTime() < LAG_MS)
    uses.miss(what, 'it shows a call up to 15 minutes after it: the end of the window may be missing');
  const from = new Date(Math.max(window.since.getTime(), oldest));
  const credentials = [accessKeyId];
  let latest = 0;
  // The list grows while it is read.
  for (const credential of credentials) {
    if (from >= window.until) break;
    const { events, truncated } = await lookupEvents(
      place,
      {
        attribute: { key: 'AccessKeyId', value: credential },
        from,
        to: window.until,
        maxPages: MAX_PAGES,
      },
      progress,
    );
    if (truncated)
      uses.miss(what, `more than ${MAX_PAGES * 50} events of ${credential}: the newest were read`);
    for (const event of events) {
      if (credential === accessKeyId) latest = Math.max(latest, event.at.getTime());
      if (event.unreadable === true) uses.miss(what, `what event ${event.id} was cannot be read`);
      uses.add(useOf(event, credential === accessKeyId ? undefined : credential));
      const begun = textIn(event.detail, 'responseElements', 'credentials', 'accessKeyId');
      if (begun === undefined || credentials.includes(begun)) continue;
      if (credentials.length < MAX_CREDENTIALS) credentials.push(begun);
      else
        uses.miss(
          what,
          `more than ${MAX_CREDENTIALS} credentials of one chain: the others were not followed`,
        );
    }
  }
  await compareLastUse(place, accessKeyId, window, { ...context, latest });
}

function useOf(event: TrailEvent, through: string | undefined): TrailUse {
  const { detail, id, name, source, at, errorCode } = event;
  const pushed = pushedBy(event);
  return {
    id,
    at: at.toISOString(),
    principal: textIn(detail, 'userIdentity', 'arn') ?? textIn(detail, 'userIdentity', 'principalId') ?? '',
    action: `${source} ${name}`,
    on: resourceOf(event),
    address: textIn(detail, 'sourceIPAddress') ?? '',
    agent: textIn(detail, 'userAgent') ?? '',
    outcome: errorCode ?? 'done',
    ...(through === undefined ? {} : { through }),
    ...(pushed === undefined ? {} : { pushed }),
  };
}
type TrailUse = Parameters<Uses['add']>[0];

/** The parameters that name what a call was about, in the APIs that matter to an incident. */
const naming = [
  'roleArn',
  'userName',
  'roleName',
  'policyArn',
  'functionName',
  'secretId',
  'bucketName',
  'repositoryName',
  'keyId',
] as const;

function resourceOf({ detail }: TrailEvent): string {
  const found = naming.flatMap((name) => textIn(detail, 'requestParameters', name) ?? []);
  return found.join(' ');
}

/** An image that ECR took in: PutImage of a private or a public repository. */
function pushedBy({ name, source, errorCode, detail }: TrailEvent): PushedImage | undefined {
  if (name !== 'PutImage' || errorCode !== undefined) return undefined;
  if (source !== 'ecr.amazonaws.com' && source !== 'ecr-public.amazonaws.com') return undefined;
  const image = ['responseElements', 'image'] as const;
  return {
    repository:
      textIn(detail, ...image, 'repositoryName') ??
      textIn(detail, 'requestParameters', 'repositoryName') ??
      '',
    tag:
      textIn(detail, ...image, 'imageId', 'imageTag') ??
      textIn(detail, 'requestParameters', 'imageTag') ??
      '',
    digest:
      textIn(detail, ...image, 'imageId', 'imageDigest') ??
      textIn(detail, 'requestParameters', 'imageDigest') ??
      '',
  };
}

/** A use that IAM knows of and the history does not: of data, in another region, or too new. */
async function compareLastUse(
  { account, incident, signal }: { account: Account; incident: string; signal: AbortSignal },
  accessKeyId: string,
  window: Window,
  { uses, latest }: { uses: Uses; latest: number },
): Promise<void> {
  // IAM knows of the keys of users alone.
  if (!accessKeyId.startsWith('AKIA')) return;
  const what = `the last use of ${accessKeyId}`;
  try {
    const { AccessKeyLastUsed: last } = await account
      .clients(incident)
      .iam.send(new GetAccessKeyLastUsedCommand({ AccessKeyId: accessKeyId }), { abortSignal: signal });
    const at = last?.LastUsedDate;
    if (at === undefined || !isWithin(window, at)) return;
    if (at.getTime() <= latest + LAST_USE_SLACK_MS) return;
    const where = `${last?.ServiceName ?? 'a service'} in ${last?.Region ?? 'a region'}`;
    uses.miss(what, `IAM says ${at.toISOString()}, of ${where}, and the history of events does not show it`);
  } catch (error) {
    // A key that is deleted has no last use; the history remains.
    if (!isAwsError(error)) throw error;
    uses.miss(what, `${error.name}: ${error.message}`);
  }
}
