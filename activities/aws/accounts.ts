import { CloudTrailClient } from '@aws-sdk/client-cloudtrail';
import { IAMClient } from '@aws-sdk/client-iam';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { fromNodeProviderChain, fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { placeOf } from '../../domain/action.ts';
import { FirebreakError } from '../../domain/errors.ts';
import { truncate } from '../../domain/safe-text.ts';

/** An AWS account as configured. */
export interface AccountConfig {
  name: string;
  /** 12 digits. */
  id: string;
  environment: string;
  region: string;
  /** Of the shared AWS configuration. */
  profile?: string;
  /** Assumed for each incident. */
  role?: { arn: string; externalId?: string };
  /** ARNs that must never be touched. */
  breakGlass: readonly string[];
  /** Another endpoint than AWS's own, for tests. */
  endpoint?: string;
}

/** A credential of AWS that was found, or is to be tried. */
export interface AwsCredential {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}
type Credentials = AwsCredential | ReturnType<typeof fromNodeProviderChain>;

/** Clients of one account that act for one incident: CloudTrail shows its id as the session's name. */
export interface AwsClients {
  iam: IAMClient;
  /** For calls that must not be sent twice: the SDK repeats nothing. */
  iamOnce: IAMClient;
  sts: STSClient;
  lambda: LambdaClient;
  secretsManager: SecretsManagerClient;
  cloudTrail: CloudTrailClient;
  /** In the region where CloudTrail shows the calls of global services, IAM's among them. */
  cloudTrailGlobal: CloudTrailClient;
}

export interface Account {
  readonly name: string;
  readonly id: string;
  readonly environment: string;
  readonly region: string;
  /** `aws`, `aws-cn` or `aws-us-gov`. */
  readonly partition: string;
  readonly breakGlass: readonly string[];
  /** How targets and holds name it. */
  readonly place: string;
  clients(incident: string): AwsClients;
  /** With a credential that was given, not the engine's: to prove what it may still do. */
  clientsWith(credentials: {
    accessKeyId: string;
    secretAccessKey: string;
    sessionToken?: string;
  }): AwsClients;
  /** ARN and unique id of who the engine is there. */
  engine(incident: string): Promise<{ arn: string; id: string }>;
  close(): void;
}

/** @throws FB3301 naming the accounts that are configured. */
export type AccountRegistry = (name: string) => Account;

/** A registry of these accounts. */
export function accountRegistry(accounts: readonly Account[]): AccountRegistry {
  const byName = new Map(accounts.map((account) => [account.name, account]));
  return (name) => {
    const account = byName.get(name);
    if (account !== undefined) return account;
    throw new FirebreakError(
      'FB3301',
      `account ${JSON.stringify(truncate(name, 80))} is not configured; configured: ${[...byName.keys()].join(', ') || 'none'}`,
    );
  };
}

/** Sets of clients that are kept: one an incident that acts. */
const maxIncidents = 50;

/** Where each partition's global services are at home. */
const globalRegions = { aws: 'us-east-1', 'aws-cn': 'cn-north-1', 'aws-us-gov': 'us-gov-west-1' } as const;

/** The partition that a region is in. */
export function partitionOf(region: string): keyof typeof globalRegions {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

/** Connects lazily: an account that cannot be reached is an error of the call, not of the start. */
export function createAccount(config: AccountConfig): Account {
  const requestHandler = new NodeHttpHandler({ connectionTimeout: 5_000, requestTimeout: 20_000 });
  const { endpoint, id, region } = config;
  const partition = partitionOf(region);
  const common = { region, requestHandler, ...(endpoint === undefined ? {} : { endpoint }) };
  const own = fromNodeProviderChain(config.profile === undefined ? {} : { profile: config.profile });
  const byIncident = new Map<string, AwsClients>();

  function clientsOf(credentials: Credentials): AwsClients {
    const options = { ...common, credentials };
    return {
      iam: new IAMClient(options),
      iamOnce: new IAMClient({ ...options, maxAttempts: 1 }),
      sts: new STSClient(options),
      lambda: new LambdaClient(options),
      secretsManager: new SecretsManagerClient(options),
      cloudTrail: new CloudTrailClient(options),
      cloudTrailGlobal: new CloudTrailClient({ ...options, region: globalRegions[partition] }),
    };
  }

  function credentialsFor(incident: string) {
    const { role } = config;
    if (role === undefined) return own;
    return fromTemporaryCredentials({
      masterCredentials: own,
      params: {
        RoleArn: role.arn,
        RoleSessionName: sessionName(incident),
        DurationSeconds: 3600,
        ...(role.externalId === undefined ? {} : { ExternalId: role.externalId }),
      },
      clientConfig: common,
    });
  }

  const account: Account = {
    name: config.name,
    id,
    environment: config.environment,
    region,
    partition,
    breakGlass: config.breakGlass,
    place: placeOf('aws', config.name),
    clients(incident) {
      const known = byIncident.get(incident);
      if (known !== undefined) return known;
      const made = clientsOf(credentialsFor(incident));
      byIncident.set(incident, made);
      for (const oldest of byIncident.keys()) {
        if (byIncident.size <= maxIncidents) break;
        byIncident.delete(oldest);
      }
      return made;
    },
    clientsWith: clientsOf,
    async engine(incident) {
      const answer = await account.clients(incident).sts.send(new GetCallerIdentityCommand({}));
      if (answer.Account !== id) {
        throw new FirebreakError(
          'FB3308',
          `accounts.${config.name}: its credentials are of account ${answer.Account ?? 'unknown'}, not of ${id}: mend id, profile or role`,
        );
      }
      return { arn: answer.Arn ?? '', id: answer.UserId ?? '' };
    },
    close: () => requestHandler.destroy(),
  };
  return account;
}

/** What STS takes as the name of a session: 2 to 64 of these characters. */
function sessionName(incident: string): string {
  return `firebreak-${incident}`.replaceAll(/[^\w+=,.@-]/g, '-').slice(0, 64);
}
