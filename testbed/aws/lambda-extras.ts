import type { Refusal } from './answers.ts';
import { textParam, type Call } from './call.ts';

/** What moto answers to a call. */
export interface Asked {
  status: number;
  body: { [name: string]: unknown };
}

type Ask = (method: string, path: string) => Promise<Asked>;

const notFound = (message: string): Refusal => ({ code: 'ResourceNotFoundException', message, status: 404 });

interface Transition {
  state: 'Enabling' | 'Disabling';
  until: number;
}

/**
 * What moto's Lambda lacks: provisioned concurrency and its rule with what is reserved, a list of function URLs, event source mappings that take a while to
 * change, and invocations that are throttled.
 */
export class LambdaExtras {
  /** How long a mapping is `Disabling` or `Enabling`. Seconds to a minute in AWS. */
  mappingMs = 0;
  /** Functions that were invoked and not throttled. */
  readonly invoked: string[] = [];
  readonly #accountId: string;
  /** By function, by version or alias. */
  readonly #provisioned = new Map<string, Map<string, number>>();
  readonly #transitions = new Map<string, Transition>();

  constructor(accountId: string) {
    this.#accountId = accountId;
  }

  /** Answers what moto does not; undefined for a call that is moto's. */
  async answer(call: Call, ask: Ask): Promise<Asked | Refusal | undefined> {
    const name = nameOf(textParam(call, 'FunctionName') ?? '');
    const qualifier = textParam(call, 'Qualifier') ?? '';
    switch (call.action) {
      case 'PutFunctionConcurrency':
        return this.#mayReserve(name, Number(call.params['ReservedConcurrentExecutions']));
      case 'PutProvisionedConcurrencyConfig':
        return this.#provide(call, name, qualifier, ask);
      case 'GetProvisionedConcurrencyConfig':
        return this.#get(name, qualifier);
      case 'ListProvisionedConcurrencyConfigs':
        return this.#list(call, name);
      case 'DeleteProvisionedConcurrencyConfig':
        this.#provisioned.get(name)?.delete(qualifier);
        return { status: 204, body: {} };
      case 'ListFunctionUrlConfigs': {
        const { status, body } = await ask('GET', `/2021-10-31/functions/${name}/url`);
        return { status: 200, body: { FunctionUrlConfigs: status === 200 ? [body] : [] } };
      }
      case 'UpdateEventSourceMapping':
        return this.#mayUpdate(textParam(call, 'UUID') ?? '');
      case 'InvokeFunction':
        return this.#invoke(name, ask);
      default:
        return undefined;
    }
  }

  /** A mapping as moto gives it, with the state that it passes through. */
  seen(call: Call, body: { [name: string]: unknown }): { [name: string]: unknown } {
    if (call.action === 'UpdateEventSourceMapping' && typeof call.params['Enabled'] === 'boolean') {
      this.#transitions.set(String(body['UUID']), {
        state: call.params['Enabled'] ? 'Enabling' : 'Disabling',
        until: Date.now() + this.mappingMs,
      });
    }
    const list = body['EventSourceMappings'];
    if (Array.isArray(list)) {
      return {
        ...body,
        EventSourceMappings: list.map((one: { [name: string]: unknown }) => this.#passing(one)),
      };
    }
    return this.#passing(body);
  }

  #passing(mapping: { [name: string]: unknown }): { [name: string]: unknown } {
    const passing = this.#transitions.get(String(mapping['UUID']));
    return passing !== undefined && Date.now() < passing.until
      ? { ...mapping, State: passing.state }
      : mapping;
  }

  #mayUpdate(uuid: string): Refusal | undefined {
    const passing = this.#transitions.get(uuid);
    if (passing === undefined || Date.now() >= passing.until) return undefined;
    const message = `Cannot update the event source mapping with UUID ${uuid} because it is in use.`;
    return { code: 'ResourceInUseException', message, status: 400 };
  }

  #total(name: string): number {
    let sum = 0;
    for (const one of this.#provisioned.get(name)?.values() ?? []) sum += one;
    return sum;
  }

  #mayReserve(name: string, wanted: number): Refusal | undefined {
    const provisioned = this.#total(name);
    if (wanted >= provisioned) return undefined;
    const message = `Specified ReservedConcurrentExecutions for function is below its provisioned concurrency of [${provisioned}].`;
    return { code: 'InvalidParameterValueException', message, status: 400 };
  }

  async #provide(call: Call, name: string, qualifier: string, ask: Ask): Promise<Asked | Refusal> {
    const wanted = Number(call.params['ProvisionedConcurrentExecutions']);
    const { body } = await ask('GET', `/2019-09-30/functions/${name}/concurrency`);
    const reserved = body['ReservedConcurrentExecutions'];
    const own = this.#provisioned.get(name) ?? new Map<string, number>();
    if (typeof reserved === 'number' && this.#total(name) - (own.get(qualifier) ?? 0) + wanted > reserved) {
      const message =
        'Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function';
      return { code: 'InvalidParameterValueException', message, status: 400 };
    }
    own.set(qualifier, wanted);
    this.#provisioned.set(name, own);
    return { status: 202, body: configOf(wanted) };
  }

  #get(name: string, qualifier: string): Asked | Refusal {
    const found = this.#provisioned.get(name)?.get(qualifier);
    if (found !== undefined) return { status: 200, body: configOf(found) };
    return {
      ...notFound('No Provisioned Concurrency Config found for this function'),
      code: 'ProvisionedConcurrencyConfigNotFoundException',
    };
  }

  #list(call: Call, name: string): Asked {
    const own = [...(this.#provisioned.get(name) ?? [])];
    const arn = `arn:aws:lambda:${call.region}:${this.#accountId}:function:${name}`;
    const ProvisionedConcurrencyConfigs = own.map(([qualifier, wanted]) => ({
      FunctionArn: `${arn}:${qualifier}`,
      ...configOf(wanted),
    }));
    return { status: 200, body: { ProvisionedConcurrencyConfigs } };
  }

  /** No code runs here: that it would have run is what a test asks for. */
  async #invoke(name: string, ask: Ask): Promise<Asked | Refusal> {
    const { status, body } = await ask('GET', `/2019-09-30/functions/${name}/concurrency`);
    if (status !== 200) return notFound(`Function not found: ${name}`);
    if (body['ReservedConcurrentExecutions'] === 0) {
      return { code: 'TooManyRequestsException', message: 'Rate Exceeded.', status: 429 };
    }
    this.invoked.push(name);
    return { status: 200, body: {} };
  }
}

function configOf(wanted: number): { [name: string]: unknown } {
  return {
    RequestedProvisionedConcurrentExecutions: wanted,
    AllocatedProvisionedConcurrentExecutions: wanted,
    AvailableProvisionedConcurrentExecutions: wanted,
    Status: 'READY',
  };
}

function nameOf(named: string): string {
  return named.startsWith('arn:') ? (named.split(':')[6] ?? '') : named;
}
