import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { lambdaOperation } from './lambda-operations.ts';

export type Protocol = 'query' | 'ec2' | 'json' | 'rest';
export type Params = { [name: string]: unknown };

/** A request to AWS, taken apart. */
export interface Call {
  requestId: string;
  time: Date;
  method: string;
  /** With its query, as sent. */
  url: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
  protocol: Protocol;
  /** `iam`, as in the signature's scope and in policies. */
  service: string;
  region: string;
  /** `UpdateAccessKey`, as in policies. */
  action: string;
  params: Params;
  accessKeyId: string;
  signedHeaders: string[];
  signature: string;
  /** `20260102/us-east-1/iam/aws4_request`. */
  scope: string;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=(?<key>[^/,]+)\/(?<scope>\d{8}\/(?<region>[^/]+)\/(?<service>[^/]+)\/aws4_request), ?SignedHeaders=(?<headers>[^,]+), ?Signature=(?<signature>[0-9a-f]{64})$/;

/** undefined for what is no call of an AWS API signed in its headers: presigned and anonymous ones are not understood here. */
export function parseCall(
  method: string,
  url: string,
  headers: IncomingHttpHeaders,
  body: Buffer,
): Call | undefined {
  const signed = AUTHORIZATION.exec(headers.authorization ?? '')?.groups;
  if (signed === undefined) return undefined;
  const { key = '', scope = '', region = '', service = '', headers: names = '', signature = '' } = signed;
  const operation = operationOf(service, method, url, headers, body);
  if (operation === undefined) return undefined;
  return {
    requestId: randomUUID(),
    time: new Date(),
    method,
    url,
    headers,
    body,
    service,
    region,
    accessKeyId: key,
    scope,
    signedHeaders: names.split(';'),
    signature,
    ...operation,
  };
}

function operationOf(
  service: string,
  method: string,
  url: string,
  headers: IncomingHttpHeaders,
  body: Buffer,
): Pick<Call, 'protocol' | 'action' | 'params'> | undefined {
  const target = headers['x-amz-target'];
  if (typeof target === 'string') {
    const params = jsonOf(body);
    return params && { protocol: 'json', action: target.slice(target.lastIndexOf('.') + 1), params };
  }
  if (service === 'lambda') {
    const operation = lambdaOperation(method, new URL(url, 'http://aws'));
    const params = operation && jsonOf(body);
    return (
      params && {
        protocol: 'rest',
        action: operation.action,
        params: { ...params, ...operation.params },
      }
    );
  }
  const form = Object.fromEntries(new URLSearchParams(body.toString('utf8')));
  const { Action: action, Version: _version, ...params } = form;
  if (action === undefined) return undefined;
  return { protocol: service === 'ec2' ? 'ec2' : 'query', action, params };
}

function jsonOf(body: Buffer): Params | undefined {
  if (body.length === 0) return {};
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? { ...parsed }
      : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A text parameter; undefined when it is absent or no text. */
export function textParam(call: Call, name: string): string | undefined {
  const value = call.params[name];
  return typeof value === 'string' ? value : undefined;
}

/** Whether it changes nothing: CloudTrail's `readOnly`. */
export function isReadOnly(action: string): boolean {
  return /^(Get|List|Describe|Lookup|Simulate|Generate|BatchGet)/.test(action);
}
