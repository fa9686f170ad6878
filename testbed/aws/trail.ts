import { randomUUID } from 'node:crypto';
import type { Call, Params } from './call.ts';
import { isReadOnly } from './call.ts';
import type { Refusal } from './answers.ts';
import type { Elements } from './response-elements.ts';
import type { Caller } from './sessions.ts';

/** One call as the front saw it, for tests to look at. */
export interface CallRecord {
  time: Date;
  requestId: string;
  accessKeyId: string;
  /** The caller's ARN; undefined when the credential was refused. */
  caller?: string;
  service: string;
  action: string;
  /** The ARN that policies were asked about, or `*`; undefined where none was. */
  resource?: string;
  /** Without secrets. */
  parameters: Params;
  /** As the caller got it. */
  errorCode?: string;
  userAgent: string;
}

/** An event as `LookupEvents` answers it. */
export interface TrailEvent {
  EventId: string;
  EventName: string;
  ReadOnly: string;
  AccessKeyId: string;
  /** Seconds since 1970. */
  EventTime: number;
  EventSource: string;
  Username: string;
  Resources: { ResourceType: string; ResourceName: string }[];
  CloudTrailEvent: string;
}

/** What CloudTrail leaves out of requests, or we do. */
const SECRET = /secret(string|binary|accesskey)|password|^(sessiontoken|zipfile|code|policy)$/i;
/** Events of data, not of management: LookupEvents has none of them. */
const OF_DATA = new Set(['lambda:InvokeFunction']);

const typeOf: { readonly [parameter: string]: string } = {
  userName: 'AWS::IAM::User',
  roleName: 'AWS::IAM::Role',
  roleArn: 'AWS::IAM::Role',
  groupName: 'AWS::IAM::Group',
  policyArn: 'AWS::IAM::Policy',
  accessKeyId: 'AWS::IAM::AccessKey',
  functionName: 'AWS::Lambda::Function',
  secretId: 'AWS::SecretsManager::Secret',
  name: 'AWS::SecretsManager::Secret',
};

/** What was asked for, without secrets and with names as CloudTrail writes them. */
export function withoutSecrets(params: Params): Params {
  const kept = Object.entries(params).filter(([name]) => !SECRET.test(name));
  return Object.fromEntries(
    kept.map(([name, value]) => [name.charAt(0).toLowerCase() + name.slice(1), value]),
  );
}

/** The region whose trail shows it: of IAM, which has no regions, the first one. */
export function homeOf(call: Call): string {
  return call.service === 'iam' ? 'us-east-1' : call.region;
}

/** The event of a call; undefined for a call that CloudTrail's history of events does not hold. */
export function eventOf(
  call: Call,
  caller: Caller,
  accountId: string,
  outcome: { refusal?: Refusal; response?: Elements },
): TrailEvent | undefined {
  if (OF_DATA.has(`${call.service}:${call.action}`)) return undefined;
  const parameters = withoutSecrets(call.params);
  const { response } = outcome;
  const resources: TrailEvent['Resources'] = [];
  for (const of of [parameters, ...Object.values(response ?? {})]) {
    for (const [name, value] of Object.entries(of)) {
      const type = typeOf[name];
      if (type !== undefined && typeof value === 'string') {
        resources.push({ ResourceType: type, ResourceName: value });
      }
    }
  }
  const id = randomUUID();
  const time = `${call.time.toISOString().slice(0, 19)}Z`;
  const source = `${call.service}.amazonaws.com`;
  const readOnly = isReadOnly(call.action);
  const event = {
    eventVersion: '1.11',
    userIdentity: identityOf(call, caller, accountId),
    eventTime: time,
    eventSource: source,
    eventName: call.action,
    awsRegion: homeOf(call),
    sourceIPAddress: '127.0.0.1',
    userAgent: call.headers['user-agent'] ?? '',
    ...(outcome.refusal === undefined
      ? {}
      : { errorCode: outcome.refusal.code, errorMessage: outcome.refusal.message }),
    requestParameters: Object.keys(parameters).length === 0 ? null : parameters,
    responseElements: response ?? null,
    requestID: call.requestId,
    eventID: id,
    readOnly,
    eventType: 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: accountId,
    eventCategory: 'Management',
  };
  return {
    EventId: id,
    EventName: call.action,
    ReadOnly: String(readOnly),
    AccessKeyId: call.accessKeyId,
    EventTime: Date.parse(time) / 1000,
    EventSource: source,
    Username: caller.session?.of.kind === 'role' ? caller.session.of.sessionName : caller.principal.name,
    Resources: resources,
    CloudTrailEvent: JSON.stringify(event),
  };
}

function identityOf(call: Call, { principal, session, arn, userId }: Caller, accountId: string): object {
  const common = { principalId: userId, arn, accountId, accessKeyId: call.accessKeyId };
  if (session === undefined) return { type: 'IAMUser', ...common, userName: principal.name };
  const attributes = {
    creationDate: `${session.issued.toISOString().slice(0, 19)}Z`,
    mfaAuthenticated: 'false',
  };
  if (principal.kind === 'user') {
    return { type: 'IAMUser', ...common, userName: principal.name, sessionContext: { attributes } };
  }
  const sessionIssuer = {
    type: 'Role',
    principalId: principal.id,
    arn: principal.arn,
    accountId,
    userName: principal.name,
  };
  return { type: 'AssumedRole', ...common, sessionContext: { sessionIssuer, attributes } };
}
