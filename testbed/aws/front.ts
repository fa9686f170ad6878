import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { answerJson, answerXml, codeFor, escapeXml, leavesOf, refuse } from './answers.ts';
import type { Refusal } from './answers.ts';
import { authenticate } from './authenticate.ts';
import { decide } from './authorise.ts';
import { isReadOnly, parseCall, textParam } from './call.ts';
import type { Call } from './call.ts';
import { documentOf } from './directory.ts';
import type { Directories } from './directory.ts';
import { inlineQuotaRefusal } from './quotas.ts';
import { responseElements } from './response-elements.ts';
import type { Elements } from './response-elements.ts';
import { actionsOf, aimOf } from './resources.ts';
import { newUserSession } from './sessions.ts';
import type { Caller, Session } from './sessions.ts';
import { simulatePrincipalPolicy } from './simulate-principal-policy.ts';
import { eventOf, homeOf, withoutSecrets } from './trail.ts';
import type { CallRecord, TrailEvent } from './trail.ts';
import { LambdaExtras, type Asked } from './lambda-extras.ts';
import { lookupEvents } from './lookup-events.ts';

/** What may be planned for the next call of an action. `lose-answer` does what was asked, then closes the connection. */
export type Fault = 'lose-answer' | 'throttle' | 'malformed' | 'unavailable';

const faults: { readonly [F in Exclude<Fault, 'lose-answer'>]: Refusal } = {
  throttle: { code: 'Throttling', message: 'Rate exceeded', status: 400 },
  malformed: { code: 'MalformedPolicyDocument', message: 'Invalid principal in policy', status: 400 },
  unavailable: { code: 'ServiceUnavailable', message: 'Service is unable to handle request.', status: 503 },
};

interface Answer {
  status: number;
  headers: { [name: string]: string };
  body: Buffer;
}

/** The one address that an engine under test sees. It checks who calls and what they may do, then lets moto do it; what moto lacks it does itself. */
export class Front {
  readonly calls: CallRecord[] = [];
  readonly secrets = new Map<string, string>();
  readonly sessions = new Map<string, Session>();
  readonly #events: { event: TrailEvent; region: string }[] = [];
  /** What calls act on, for their records. */
  readonly #resources = new WeakMap<Call, string>();
  readonly #faults = new Map<string, Fault[]>();
  readonly #server: Server;
  readonly #moto: string;
  readonly #accountId: string;
  readonly #directories: Directories;
  readonly lambda: LambdaExtras;
  /** Off: every call is taken as it is, whoever sends it. */
  enforcing = true;
  /** Milliseconds until LookupEvents shows a call. */
  trailDelayMs = 0;

  constructor(options: { moto: string; accountId: string; directories: Directories }) {
    this.#moto = options.moto;
    this.#accountId = options.accountId;
    this.#directories = options.directories;
    this.lambda = new LambdaExtras(options.accountId);
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        response.writeHead(500, { 'content-type': 'text/plain' });
        response.end(error instanceof Error ? (error.stack ?? '') : String(error));
      });
    });
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  /** Plans a fault for the next call of `action` that is allowed. */
  plan(action: string, fault: Fault): void {
    this.#faults.set(action, [...(this.#faults.get(action) ?? []), fault]);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const call = parseCall(request.method ?? 'GET', request.url ?? '/', request.headers, body);
    if (call === undefined) {
      response.writeHead(501, { 'content-type': 'text/plain' });
      response.end(
        'the testbed understands calls that are signed in their headers, of operations that it knows',
      );
      return;
    }
    const who = authenticate(call, this, this.#directories.effective());
    if ('code' in who && this.enforcing) {
      this.#record(call, undefined, who);
      refuse(response, call, who);
      return;
    }
    const caller = 'code' in who ? undefined : who;
    const refusal = this.enforcing && caller !== undefined ? await this.#refusalOf(call, caller) : undefined;
    const fault = refusal === undefined ? this.#faults.get(call.action)?.shift() : undefined;
    const planned = fault === undefined || fault === 'lose-answer' ? undefined : faults[fault];
    const refused = refusal ?? planned ?? (await this.#answerOf(call, caller, response, fault));
    if (refused === undefined) return;
    this.#record(call, caller, refused);
    refuse(response, call, refused);
  }

  async #refusalOf(call: Call, caller: Caller): Promise<Refusal | undefined> {
    const { service, action } = call;
    const directory = this.#directories.effective();
    const aim = await aimOf(call, {
      accountId: this.#accountId,
      directory,
      caller,
      secretArn: (id) => this.#secretArn(call, id),
    });
    this.#resources.set(call, aim.resource);
    if (service === 'iam' && !isReadOnly(action) && aim.resource.includes(':role/aws-service-role/')) {
      return {
        code: 'UnmodifiableEntity',
        message: `Cannot perform the operation on the protected role '${textParam(call, 'RoleName') ?? ''}' - this role is only modifiable by AWS`,
        status: 400,
      };
    }
    // As AWS has it: temporary credentials of a user, made without a second factor, open no IAM, and of STS only this.
    if (caller.session?.of.kind === 'user') {
      const barred =
        service === 'iam' || (service === 'sts' && !['AssumeRole', 'GetCallerIdentity'].includes(action));
      if (barred)
        return {
          code: 'InvalidClientTokenId',
          message: 'The security token included in the request is invalid',
          status: 403,
        };
    }
    const name = `${service}:${action}`;
    // No policy governs it: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    if (name === 'sts:GetSessionToken') return undefined;
    const known = action !== 'AssumeRole' || aim.trust !== undefined;
    const refused = (asked: string, why: string): Refusal => ({
      code: 'AccessDenied',
      message: `User: ${caller.arn} is not authorized to perform: ${asked} on resource: ${aim.resource} ${why}`,
      status: 403,
    });
    for (const asked of actionsOf(call)) {
      const decision = await decide({
        caller,
        action: asked,
        aim,
        accountId: this.#accountId,
        region: call.region,
        at: call.time,
      });
      if (!decision.allowed) return refused(asked, decision.why);
    }
    if (!known) return refused(name, 'because the role does not exist');
    return inlineQuotaRefusal(call, this.#directories.latest());
  }

  /** Does what was asked and answers it; gives back the refusal where there is one. */
  async #answerOf(
    call: Call,
    caller: Caller | undefined,
    response: ServerResponse,
    fault: Fault | undefined,
  ): Promise<Refusal | undefined> {
    if (call.service === 'cloudtrail' && call.action === 'LookupEvents') {
      const shown = Date.now() - this.trailDelayMs;
      const page = lookupEvents(
        this.#events
          .filter(({ event, region }) => region === call.region && event.EventTime * 1000 <= shown)
          .map(({ event }) => event),
        call.params,
      );
      if ('code' in page) return page;
      this.#record(call, caller, undefined);
      answerJson(response, call, page);
      return undefined;
    }
    if (call.service === 'iam' && call.action === 'SimulatePrincipalPolicy') {
      const result = await simulatePrincipalPolicy(call, this.#directories.effective(), this.#accountId);
      if (typeof result !== 'string') return result;
      this.#record(call, caller, undefined);
      answerXml(response, call, result);
      return undefined;
    }
    if (call.service === 'sts' && caller !== undefined) {
      if (call.action === 'GetCallerIdentity') {
        this.#record(call, caller, undefined);
        const { arn, userId } = caller;
        answerXml(
          response,
          call,
          `<Arn>${escapeXml(arn)}</Arn><UserId>${userId}</UserId><Account>${this.#accountId}</Account>`,
        );
        return undefined;
      }
      if (call.action === 'GetSessionToken') {
        const seconds = Number(textParam(call, 'DurationSeconds') ?? 43_200);
        const session = newUserSession(caller.principal.name, seconds);
        this.sessions.set(session.accessKeyId, session);
        const xml =
          `<Credentials><AccessKeyId>${session.accessKeyId}</AccessKeyId><SecretAccessKey>${session.secretAccessKey}</SecretAccessKey>` +
          `<SessionToken>${session.token}</SessionToken><Expiration>${session.expires.toISOString()}</Expiration></Credentials>`;
        this.#record(call, caller, undefined, responseElements(call.action, leavesOf(xml)));
        answerXml(response, call, xml);
        return undefined;
      }
    }
    if (call.service === 'lambda') {
      const own = await this.lambda.answer(call, (method, url) => this.#ask({ ...call, method, url }));
      if (own !== undefined && 'code' in own) return own;
      if (own !== undefined) {
        this.#record(call, caller, undefined);
        answerJson(response, call, own.body, own.status);
        return undefined;
      }
    }
    const answer = await this.#forward(call);
    if (call.action.includes('EventSourceMapping') && answer.status < 300) {
      answer.body = Buffer.from(JSON.stringify(this.lambda.seen(call, jsonBody(answer))));
    }
    if (answer.status >= 400) {
      const text = answer.body.toString('utf8');
      const code =
        leavesOf(text).get('Code') ??
        answer.headers['x-amzn-errortype'] ??
        /"__type": ?"([^"]+)"/.exec(text)?.[1];
      this.#record(call, caller, {
        code: code ?? `HTTP ${answer.status}`,
        message: '',
        status: answer.status,
      });
    } else {
      const leaves = leavesOf(answer.body.toString('utf8'));
      this.#keepCredentials(call, leaves);
      if (call.service === 'iam' && !isReadOnly(call.action)) await this.#directories.refresh();
      this.#record(call, caller, undefined, responseElements(call.action, leaves));
    }
    if (fault === 'lose-answer') {
      response.destroy();
      return undefined;
    }
    response.writeHead(answer.status, { ...answer.headers, 'x-amzn-requestid': call.requestId });
    response.end(answer.body);
    return undefined;
  }

  async #forward(call: Call): Promise<Answer> {
    const headers = new Headers();
    for (const [name, value] of Object.entries(call.headers)) {
      if (!['host', 'connection', 'content-length', 'transfer-encoding', 'expect'].includes(name)) {
        headers.set(name, String(value));
      }
    }
    const hasBody = call.method !== 'GET' && call.method !== 'HEAD';
    const answer = await fetch(new URL(call.url, this.#moto), {
      method: call.method,
      headers,
      ...(hasBody ? { body: new Uint8Array(call.body) } : {}),
    });
    const kept: { [name: string]: string } = {};
    answer.headers.forEach((value, name) => {
      if (name === 'content-type' || name.startsWith('x-amz')) kept[name] = value;
    });
    return { status: answer.status, headers: kept, body: Buffer.from(await answer.arrayBuffer()) };
  }

  async #ask(call: Call): Promise<Asked> {
    const answer = await this.#forward({ ...call, body: Buffer.alloc(0) });
    return { status: answer.status, body: answer.status < 300 ? jsonBody(answer) : {} };
  }

  /** Secrets are shown once: here they go by. */
  #keepCredentials(call: Call, leaves: Map<string, string>): void {
    const accessKeyId = leaves.get('AccessKeyId');
    const secretAccessKey = leaves.get('SecretAccessKey');
    if (accessKeyId === undefined || secretAccessKey === undefined) return;
    if (call.action === 'CreateAccessKey') {
      this.secrets.set(accessKeyId, secretAccessKey);
    } else if (call.action.startsWith('AssumeRole')) {
      const policy = textParam(call, 'Policy');
      this.sessions.set(accessKeyId, {
        accessKeyId,
        secretAccessKey,
        token: leaves.get('SessionToken') ?? '',
        issued: new Date(),
        expires: new Date(leaves.get('Expiration') ?? 0),
        of: {
          kind: 'role',
          role: (textParam(call, 'RoleArn') ?? '').split('/').at(-1) ?? '',
          sessionName: textParam(call, 'RoleSessionName') ?? '',
        },
        ...(policy === undefined ? {} : { policy: documentOf(policy) }),
      });
    }
  }

  async #secretArn(call: Call, id: string): Promise<string | undefined> {
    const answer = await fetch(this.#moto, {
      method: 'POST',
      headers: {
        authorization: `AWS4-HMAC-SHA256 Credential=testbed/20260101/${call.region}/secretsmanager/aws4_request, SignedHeaders=host, Signature=0`,
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'secretsmanager.DescribeSecret',
      },
      body: JSON.stringify({ SecretId: id }),
    });
    const found: { ARN?: string } = JSON.parse(await answer.text());
    return found.ARN;
  }

  #record(call: Call, caller: Caller | undefined, refusal: Refusal | undefined, response?: Elements): void {
    const code = refusal === undefined ? undefined : codeFor(call, refusal.code);
    const resource = this.#resources.get(call);
    this.calls.push({
      time: call.time,
      requestId: call.requestId,
      accessKeyId: call.accessKeyId,
      ...(caller === undefined ? {} : { caller: caller.arn }),
      service: call.service,
      action: call.action,
      ...(resource === undefined ? {} : { resource }),
      parameters: withoutSecrets(call.params),
      ...(code === undefined ? {} : { errorCode: code }),
      userAgent: call.headers['user-agent'] ?? '',
    });
    if (caller === undefined) return;
    const event = eventOf(call, caller, this.#accountId, {
      ...(refusal === undefined || code === undefined ? {} : { refusal: { ...refusal, code } }),
      ...(response === undefined ? {} : { response }),
    });
    if (event !== undefined) this.#events.push({ event, region: homeOf(call) });
  }
}

function jsonBody(answer: Answer): { [name: string]: unknown } {
  const body: { [name: string]: unknown } = JSON.parse(answer.body.toString('utf8'));
  return body;
}
