import {
  GetFunctionConfigurationCommand,
  GetFunctionEventInvokeConfigCommand,
  ListFunctionUrlConfigsCommand,
  paginateListFunctions,
  type FunctionConfiguration,
} from '@aws-sdk/client-lambda';
import type { JsonObject } from '../../../domain/json.ts';
import { jsonCopy } from '../../../domain/json.ts';
import { targetGone } from '../containment/failures.ts';
import type { Place } from '../containment/principal.ts';
import { isAwsError } from '../errors.ts';

/** `checkout`, or the ARN of a function, without a version or alias: what is contained is the function as a whole. */
export const functionPattern =
  /^(arn:aws[a-z-]*:lambda:[a-z]{2}(-[a-z]+)+-\d:\d{12}:function:)?[a-zA-Z0-9_-]{1,64}$/;

/** A function, as far as a containment needs it. */
export interface LambdaFunction {
  name: string;
  arn: string;
  /** ARN of its execution role. */
  role: string;
  /** Seconds that an invocation may run. */
  timeout: number;
  /** ARN of what takes asynchronous events that fail, where no destination is set. */
  deadLetters: string | undefined;
  /** Names of its environment variables, sorted. */
  environment: string[];
  /** Of its configuration, what may be kept: of environment variables only the names. */
  kept: JsonObject;
}

/** @throws TargetGone when there is none, or the ARN that was given is not its */
export async function readFunction(
  { account, incident, signal }: Place,
  named: string,
): Promise<LambdaFunction> {
  const name = named.slice(named.lastIndexOf(':') + 1);
  const what = `function ${name} in AWS account ${account.name}`;
  const { lambda } = account.clients(incident);
  let found: FunctionConfiguration;
  try {
    found = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: name }), {
      abortSignal: signal,
    });
  } catch (error) {
    if (isAwsError(error, 'gone')) throw targetGone(what, 'does not exist');
    throw error;
  }
  // Without a version, but some servers give the one of $LATEST.
  const arn = (found.FunctionArn ?? '').replace(/:\$LATEST$/, '');
  if (named.startsWith('arn:') && named !== arn) throw targetGone(what, `is ${arn}, not ${named}`);
  return {
    name,
    arn,
    role: found.Role ?? '',
    timeout: found.Timeout ?? 3,
    deadLetters: found.DeadLetterConfig?.TargetArn,
    environment: Object.keys(found.Environment?.Variables ?? {}).toSorted(),
    kept: keptOf(found),
  };
}

/** Code and configuration by their digests and names. Values of environment variables are often secrets. */
function keptOf(found: FunctionConfiguration): JsonObject {
  const { CodeSha256, CodeSize, Runtime, Handler, PackageType, Role, Timeout, MemorySize } = found;
  const { LastModified, RevisionId, VpcConfig, KMSKeyArn, DeadLetterConfig, Layers } = found;
  return jsonCopy({
    CodeSha256,
    CodeSize,
    Runtime,
    Handler,
    PackageType,
    Role,
    Timeout,
    MemorySize,
    LastModified,
    RevisionId,
    VpcConfig,
    KMSKeyArn,
    DeadLetterConfig,
    Layers: Layers?.map(({ Arn }) => Arn),
    EnvironmentNames: Object.keys(found.Environment?.Variables ?? {}).toSorted(),
  });
}

/** Addresses that invoke it over the Internet. */
export async function functionUrls(
  { account, incident, signal }: Place,
  name: string,
): Promise<JsonObject[]> {
  const { lambda } = account.clients(incident);
  const urls: JsonObject[] = [];
  let Marker: string | undefined;
  do {
    const page = await lambda.send(new ListFunctionUrlConfigsCommand({ FunctionName: name, Marker }), {
      abortSignal: signal,
    });
    for (const { FunctionUrl, FunctionArn, AuthType, Cors, InvokeMode } of page.FunctionUrlConfigs ?? [])
      urls.push(jsonCopy({ FunctionUrl, FunctionArn, AuthType, Cors, InvokeMode }));
    Marker = page.NextMarker;
  } while (Marker !== undefined && Marker !== '');
  return urls;
}

/** What becomes of asynchronous events. */
export interface AsyncEvents {
  /** Seconds that an event waits at most; Lambda's default is 6 hours. */
  maxAge: number;
  /** ARN of what takes those that fail; undefined: they are dropped. */
  onFailure?: string;
}

const DEFAULT_MAX_AGE = 21_600;

/** Of what is invoked without a version or alias. */
export async function asyncEvents(
  { account, incident, signal }: Place,
  { name, deadLetters }: LambdaFunction,
): Promise<AsyncEvents> {
  const { lambda } = account.clients(incident);
  const own = { maxAge: DEFAULT_MAX_AGE, onFailure: deadLetters };
  try {
    const found = await lambda.send(new GetFunctionEventInvokeConfigCommand({ FunctionName: name }), {
      abortSignal: signal,
    });
    own.maxAge = found.MaximumEventAgeInSeconds ?? DEFAULT_MAX_AGE;
    own.onFailure = found.DestinationConfig?.OnFailure?.Destination ?? deadLetters;
  } catch (error) {
    // None was set: the defaults count.
    if (!isAwsError(error, 'gone')) throw error;
  }
  const { maxAge, onFailure } = own;
  return onFailure === undefined || onFailure === '' ? { maxAge } : { maxAge, onFailure };
}

/** Names of the other functions of this region that run as the role. */
export async function sharersOf(
  { account, incident, signal }: Place,
  { arn, role }: Pick<LambdaFunction, 'arn' | 'role'>,
): Promise<string[]> {
  const sharers: string[] = [];
  const pages = paginateListFunctions(
    { client: account.clients(incident).lambda },
    {},
    { abortSignal: signal },
  );
  for await (const { Functions = [] } of pages) {
    for (const { FunctionArn, FunctionName, Role } of Functions) {
      if (Role === role && FunctionArn !== arn && FunctionName !== undefined) sharers.push(FunctionName);
    }
  }
  return sharers.toSorted();
}
