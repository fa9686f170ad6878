import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteRolePolicyCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import {
  accountRegistry,
  createAccount,
  type Account,
  type AccountRegistry,
} from '../../activities/aws/accounts.ts';
import { policyOf, type PolicyDocument } from '../../activities/aws/policy.ts';
import type { EvidenceStore } from '../../domain/evidence.ts';
import type { Permission } from '../../domain/permission.ts';
import { openEvidence } from '../../stores/evidence.ts';
import { startAws, type Aws } from '../../testbed/aws.ts';

export const accountName = 'production';
export const breakGlassUser = 'break-glass';
const engineRole = 'firebreak';
const policyName = 'generated';

/** An AWS account, the engine under its generated policy only, and a store for evidence. */
export interface AwsHouse {
  aws: Aws;
  iam: IAMClient;
  account: Account;
  accounts: AccountRegistry;
  evidence: EvidenceStore;
  engineRoleArn: string;
  /** Gives the engine exactly the policy of these permissions, in place of what it had; the policy. */
  grant(permissions: readonly Permission[]): Promise<PolicyDocument>;
  /** Gives the engine a policy as it is. */
  grantDocument(document: PolicyDocument): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts it. The engine assumes role `firebreak` with an external id, for each incident, as in production; its own credential comes from the shared
 * AWS files, as the SDK finds them.
 */
export async function openAwsHouse(): Promise<AwsHouse> {
  const aws = await startAws();
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-aws-house-'));
  const engine = await aws.createUser('firebreak-engine');
  const externalId = 'firebreak-tests';
  const role = await aws.createRole(engineRole, {
    trust: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { AWS: engine.arn },
          Action: 'sts:AssumeRole',
          Condition: { StringEquals: { 'sts:ExternalId': externalId } },
        },
      ],
    },
  });
  const credentials = join(dir, 'credentials');
  await writeFile(
    credentials,
    `[firebreak-tests]\naws_access_key_id = ${engine.credential.accessKeyId}\naws_secret_access_key = ${engine.credential.secretAccessKey}\n`,
    { mode: 0o600 },
  );
  await writeFile(join(dir, 'config'), `[profile firebreak-tests]\nregion = ${aws.region}\n`);
  process.env['AWS_SHARED_CREDENTIALS_FILE'] = credentials;
  process.env['AWS_CONFIG_FILE'] = join(dir, 'config');
  const account = createAccount({
    name: accountName,
    id: aws.accountId,
    environment: 'staging',
    region: aws.region,
    profile: 'firebreak-tests',
    role: { arn: role.arn, externalId },
    breakGlass: [`arn:aws:iam::${aws.accountId}:user/${breakGlassUser}`],
    endpoint: aws.endpoint,
  });
  const iam = new IAMClient(aws.as(aws.admin));
  const evidence = await openEvidence(join(dir, 'evidence'), {
    maxTotalBytes: 1e9,
    maxArtefactBytes: 1e8,
  });

  const house: AwsHouse = {
    aws,
    iam,
    account,
    accounts: accountRegistry([account]),
    evidence,
    engineRoleArn: role.arn,
    async grant(permissions) {
      const { id, region, partition } = account;
      const document = policyOf(permissions, { account: id, region, partition });
      await house.grantDocument(document);
      return document;
    },
    async grantDocument(document) {
      const place = { RoleName: engineRole, PolicyName: policyName };
      // IAM takes no policy without statements.
      if (document.Statement.length === 0) await iam.send(new DeleteRolePolicyCommand(place));
      else await iam.send(new PutRolePolicyCommand({ ...place, PolicyDocument: JSON.stringify(document) }));
    },
    async close() {
      account.close();
      await aws.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
  return house;
}
