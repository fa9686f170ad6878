import {
  GetAccessKeyLastUsedCommand,
  ListAccessKeysCommand,
  UpdateAccessKeyCommand,
} from '@aws-sdk/client-iam';
import type { Place } from '../containment/principal.ts';

export interface Key {
  id: string;
  status: 'Active' | 'Inactive';
  /** RFC 3339 UTC. */
  createdAt: string;
  /** Absent: IAM knows of no use. It reports uses late. */
  lastUsed?: { at: string; service: string; region: string };
}

/** A user's keys, at most two, in the order of their ids. */
export async function listKeys({ account, incident, signal }: Place, user: string): Promise<Key[]> {
  const { iam } = account.clients(incident);
  const options = { abortSignal: signal };
  const { AccessKeyMetadata = [] } = await iam.send(new ListAccessKeysCommand({ UserName: user }), options);
  const keys = await Promise.all(
    AccessKeyMetadata.map(async ({ AccessKeyId: id = '', Status, CreateDate }): Promise<Key> => {
      const { AccessKeyLastUsed: last } = await iam.send(
        new GetAccessKeyLastUsedCommand({ AccessKeyId: id }),
        options,
      );
      const key: Key = {
        id,
        // Expired and whatever else comes counts as Active: it is not refused for certain.
        status: Status === 'Inactive' ? 'Inactive' : 'Active',
        createdAt: (CreateDate ?? new Date(0)).toISOString(),
      };
      if (last?.LastUsedDate !== undefined)
        key.lastUsed = {
          at: last.LastUsedDate.toISOString(),
          service: last.ServiceName ?? 'N/A',
          region: last.Region ?? 'N/A',
        };
      return key;
    }),
  );
  return keys.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** Idempotent. */
export async function setStatus(
  { account, incident, signal }: Place,
  user: string,
  id: string,
  status: Key['status'],
): Promise<void> {
  const command = new UpdateAccessKeyCommand({ UserName: user, AccessKeyId: id, Status: status });
  await account.clients(incident).iam.send(command, { abortSignal: signal });
}

/** `AKIA… (Active, 412 days old, last used 2 hours ago by s3 in eu-central-1)`. */
export function keyWords({ id, status, createdAt, lastUsed }: Key, now: Date): string {
  const use =
    lastUsed === undefined
      ? 'no use known'
      : `last used ${ago(lastUsed.at, now)} ago by ${lastUsed.service} in ${lastUsed.region}`;
  return `${id} (${status}, made ${ago(createdAt, now)} ago, ${use})`;
}

function ago(at: string, now: Date): string {
  const minutes = Math.max(0, Math.round((now.getTime() - Date.parse(at)) / 60_000));
  if (minutes < 120) return `${minutes} minutes`;
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} hours` : `${Math.round(minutes / 1_440)} days`;
}
