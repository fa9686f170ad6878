import { GetAccessKeyLastUsedCommand, ListAccessKeysCommand } from '@aws-sdk/client-iam';
import { isAwsError } from '../errors.ts';
import { unfitKey } from '../containment/failures.ts';
import { readPrincipal, type Place, type Principal } from '../containment/principal.ts';

export interface Owner {
  user: Principal;
  /** Ids of the user's other keys, at most one. */
  otherKeys: string[];
}

/**
 * Whose key it is, by what IAM itself says.
 * @throws FB3323 when it is none of this account, or the root user's, which nobody else can contain
 */
export async function ownerOf(place: Place, accessKeyId: string): Promise<Owner> {
  const { account, incident, signal } = place;
  const { iam } = account.clients(incident);
  const name = await iam
    .send(new GetAccessKeyLastUsedCommand({ AccessKeyId: accessKeyId }), { abortSignal: signal })
    .then(({ UserName }) => UserName)
    .catch((error: unknown) => {
      if (isAwsError(error, 'gone', 'refused')) return undefined;
      // So AWS answers for a key of another account too.
      if (isAwsError(error, 'forbidden')) {
        const why =
          'is of another account, or the engine lacks iam:GetAccessKeyLastUsed: AWS says the same to both';
        throw unfitKey(accessKeyId, why);
      }
      throw error;
    });
  if (name === undefined) {
    throw unfitKey(
      accessKeyId,
      `is of no user of AWS account ${account.name}: see whether it is another account's, or deleted already`,
    );
  }
  if (name === '<root_account>') {
    throw unfitKey(
      accessKeyId,
      'is of the root user: only the root user can make it Inactive; sign in as it',
    );
  }
  const [user, { AccessKeyMetadata = [] }] = await Promise.all([
    readPrincipal(place, { kind: 'user', name }),
    iam.send(new ListAccessKeysCommand({ UserName: name }), { abortSignal: signal }),
  ]);
  const ids = AccessKeyMetadata.map((key) => key.AccessKeyId ?? '');
  return { user, otherKeys: ids.filter((id) => id !== accessKeyId) };
}
