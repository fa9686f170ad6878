import { AttachRolePolicyCommand, IAMClient, PutRolePermissionsBoundaryCommand } from '@aws-sdk/client-iam';
import { CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { startAws, type Aws, type Credential } from '../aws.ts';
import type { Firebreak } from '../demo/firebreak.ts';

/** As the configuration and the rehearsals name it. */
const accountName = 'cloud';
const externalId = 'game-day';
/** What is stolen there. */
export const cloudUser = 'ci-deployer';
export const cloudFunction = 'checkout';
export const cloudFunctionRole = 'checkout-role';

interface NamedPolicy {
  name: string;
  document: object;
}

/** What `firebreak permissions --json` says of an account, as far as it is attached here. */
interface Rights {
  aws: { policies: NamedPolicy[]; guard: NamedPolicy; boundary: NamedPolicy }[];
}

export interface Cloud {
  aws: Aws;
  /** The user's only key. */
  userKey: Credential;
  /** Of the configuration. */
  account: object;
  /** The engine's own key, for its environment. */
  env: { AWS_ACCESS_KEY_ID: string; AWS_SECRET_ACCESS_KEY: string };
  /** Gives the engine what these playbooks need, and no more: once the account is configured. */
  grant(firebreak: Firebreak, playbooks: readonly string[]): Promise<void>;
}

const documentOf = (...Statement: object[]) => ({ Version: '2012-10-17', Statement });

/** An AWS account whose engine assumes a role, with a user and a function that can be stolen from. */
export async function startCloud(ending: (() => Promise<void>)[]): Promise<Cloud> {
  const aws = await startAws();
  ending.push(() => aws.stop());
  const engine = await aws.createUser('firebreak-engine');
  const role = await aws.createRole('firebreak', {
    trust: documentOf({
      Effect: 'Allow',
      Principal: { AWS: engine.arn },
      Action: 'sts:AssumeRole',
      Condition: { StringEquals: { 'sts:ExternalId': externalId } },
    }),
  });
  const userKey = await furnish(aws);
  return {
    aws,
    userKey,
    account: {
      name: accountName,
      environment: 'production',
      id: aws.accountId,
      region: aws.region,
      role: { arn: role.arn, externalId },
      endpoint: aws.endpoint,
    },
    env: {
      AWS_ACCESS_KEY_ID: engine.credential.accessKeyId,
      AWS_SECRET_ACCESS_KEY: engine.credential.secretAccessKey,
    },
    async grant(firebreak, playbooks) {
      const wish = ['--system', 'aws', '--json', '--playbook', ...playbooks];
      const { stdout } = await firebreak.command(['permissions', ...wish]);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own command, as documented
      const [rights] = (JSON.parse(stdout) as Rights).aws;
      if (rights === undefined) throw new Error('firebreak permissions names no account');
      const iam = new IAMClient(aws.as(aws.admin));
      for (const { name, document } of [...rights.policies, rights.guard]) {
        const PolicyArn = await aws.createPolicy(name, document);
        await iam.send(new AttachRolePolicyCommand({ RoleName: role.name, PolicyArn }));
      }
      const PermissionsBoundary = await aws.createPolicy(rights.boundary.name, rights.boundary.document);
      await iam.send(new PutRolePermissionsBoundaryCommand({ RoleName: role.name, PermissionsBoundary }));
    },
  };
}

/** A user that may make others, and a function whose role may look for secrets. */
async function furnish(aws: Aws): Promise<Credential> {
  const list = { Effect: 'Allow', Action: 'secretsmanager:ListSecrets', Resource: '*' };
  const { credential } = await aws.createUser(cloudUser, {
    policies: {
      deploy: documentOf(list, { Effect: 'Allow', Action: ['iam:GetUser', 'iam:CreateUser'], Resource: '*' }),
    },
  });
  // Lambda itself assumes no role here: whoever runs the function does.
  const role = await aws.createRole(cloudFunctionRole, {
    trust: documentOf({
      Effect: 'Allow',
      Principal: { AWS: `arn:aws:iam::${aws.accountId}:user/testbed-admin`, Service: 'lambda.amazonaws.com' },
      Action: 'sts:AssumeRole',
    }),
    policies: { data: documentOf(list) },
  });
  await new LambdaClient(aws.as(aws.admin)).send(
    new CreateFunctionCommand({
      FunctionName: cloudFunction,
      Role: role.arn,
      Runtime: 'nodejs22.x',
      Handler: 'index.handler',
      // The end of an empty ZIP file.
      Code: { ZipFile: new Uint8Array([80, 75, 5, 6, ...Array<number>(18).fill(0)]) },
    }),
  );
  return credential;
}
