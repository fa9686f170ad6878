import type { ServerResponse } from 'node:http';
import type { Call } from './call.ts';

/** An error as AWS names it in the query protocol; the others' names follow from it. */
export interface Refusal {
  code: string;
  message: string;
  status: number;
}

/** What the JSON services call the same. */
const inJson: { readonly [code: string]: string } = {
  AccessDenied: 'AccessDeniedException',
  InvalidClientTokenId: 'UnrecognizedClientException',
  SignatureDoesNotMatch: 'InvalidSignatureException',
  ExpiredToken: 'ExpiredTokenException',
  Throttling: 'ThrottlingException',
  ServiceUnavailable: 'ServiceUnavailableException',
};

const namespaces: { readonly [service: string]: string } = {
  iam: 'https://iam.amazonaws.com/doc/2010-05-08/',
  sts: 'https://sts.amazonaws.com/doc/2011-06-15/',
};

/** The error's name in the call's protocol. */
export function codeFor(call: Pick<Call, 'protocol' | 'service'>, code: string): string {
  if (call.protocol === 'json' || call.protocol === 'rest') return inJson[code] ?? code;
  if (call.protocol === 'ec2') {
    if (code === 'AccessDenied') return 'UnauthorizedOperation';
    if (code === 'InvalidClientTokenId' || code === 'SignatureDoesNotMatch') return 'AuthFailure';
  }
  return code;
}

/** Answers with an error, as the call's protocol has it. */
export function refuse(response: ServerResponse, call: Call, refusal: Refusal): void {
  const code = codeFor(call, refusal.code);
  const { message } = refusal;
  if (call.protocol === 'json' || call.protocol === 'rest') {
    const status = call.protocol === 'json' && refusal.status === 403 ? 400 : refusal.status;
    response.writeHead(status, {
      'content-type': 'application/x-amz-json-1.1',
      'x-amzn-errortype': code,
      'x-amzn-requestid': call.requestId,
    });
    response.end(JSON.stringify({ __type: code, message, Message: message }));
    return;
  }
  const error = `<Code>${code}</Code><Message>${escapeXml(message)}</Message>`;
  const body =
    call.protocol === 'ec2'
      ? `<Response><Errors><Error>${error}</Error></Errors><RequestID>${call.requestId}</RequestID></Response>`
      : `<ErrorResponse xmlns="${namespaces[call.service] ?? ''}"><Error><Type>Sender</Type>${error}</Error><RequestId>${call.requestId}</RequestId></ErrorResponse>`;
  response.writeHead(refusal.status, { 'content-type': 'text/xml', 'x-amzn-requestid': call.requestId });
  response.end(body);
}

/** Answers a call of the query protocol; `result` is XML. */
export function answerXml(response: ServerResponse, call: Call, result: string): void {
  const { action } = call;
  response.writeHead(200, { 'content-type': 'text/xml', 'x-amzn-requestid': call.requestId });
  response.end(
    `<${action}Response xmlns="${namespaces[call.service] ?? ''}"><${action}Result>${result}</${action}Result>` +
      `<ResponseMetadata><RequestId>${call.requestId}</RequestId></ResponseMetadata></${action}Response>`,
  );
}

/** Answers a call of a JSON protocol. */
export function answerJson(response: ServerResponse, call: Call, result: object, status = 200): void {
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.1',
    'x-amzn-requestid': call.requestId,
  });
  response.end(status === 204 ? undefined : JSON.stringify(result));
}

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** The innermost elements of an XML answer by name; the first of a name counts. */
export function leavesOf(xml: string): Map<string, string> {
  const leaves = new Map<string, string>();
  for (const [, name = '', value = ''] of xml.matchAll(/<(\w+)>([^<]*)<\/\1>/g)) {
    if (!leaves.has(name)) leaves.set(name, unescapeXml(value));
  }
  return leaves;
}

function unescapeXml(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#34;', '"')
    .replaceAll('&amp;', '&');
}
