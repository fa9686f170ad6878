import type { Firebreak } from '../demo/firebreak.ts';
import type { Entry } from './times.ts';

/** As much of an incident as a rehearsal looks at. */
export interface View {
  status: string;
  outcome?: string;
  outputs?: { [name: string]: unknown };
  steps: { id: string; status: string; why?: string }[];
  gates: {
    gate: { id: string; form?: object; requester: string };
    digest: string;
    decisions: { person: string }[];
  }[];
}

/** Firebreak over HTTP, with a token for each person. */
export class Api {
  readonly #url: string;
  readonly #tokens: { [person: string]: string } = {};

  constructor({ url }: Firebreak) {
    this.#url = url;
  }

  /** Tokens as `firebreak token create` makes them: people decide, `detector` posts alerts. */
  async enrol(firebreak: Firebreak, people: readonly string[]): Promise<void> {
    const create = async (owner: string, more: readonly string[]) =>
      (
        await firebreak.command(['token', 'create', '--owner', owner, '--label', 'game day', ...more])
      ).stdout.trim();
    for (const person of people)
      this.#tokens[person] = await create(person, ['--scope', 'decide', '--scope', 'read']);
    this.#tokens['detector'] = await create('dana', ['--scope', 'alerts', '--cluster', 'shop']);
  }

  /** The tokens, by a name that may be shown. */
  secrets(): { [name: string]: string } {
    return Object.fromEntries(
      Object.entries(this.#tokens).map(([person, token]) => [`the token of ${person}`, token]),
    );
  }

  /** Posts Falco's alert; answers the incident's id. */
  async alert(body: string): Promise<string> {
    return incidentIn(await this.#call('detector', '/v1/alerts/falco', body));
  }

  /** Posts a scanner's report. */
  async report(body: object): Promise<string> {
    return incidentIn(await this.#call('detector', '/v1/alerts/generic/scanner', JSON.stringify(body)));
  }

  async run(by: string, request: object): Promise<string> {
    return incidentIn(await this.#call(by, '/v1/incidents', JSON.stringify(request)));
  }

  async view(incident: string): Promise<View> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own API, as documented
    return (await this.#call('ada', `/v1/incidents/${incident}`)) as View;
  }

  async ledger(incident: string): Promise<Entry[]> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own API, as documented
    return ((await this.#call('ada', `/v1/incidents/${incident}/ledger`)) as { entries: Entry[] }).entries;
  }

  async decide(by: string, incident: string, decision: object): Promise<void> {
    await this.#call(by, `/v1/incidents/${incident}/decisions`, JSON.stringify(decision));
  }

  async command(by: string, incident: string, command: object): Promise<void> {
    await this.#call(by, `/v1/incidents/${incident}/commands`, JSON.stringify(command));
  }

  /** @throws with the whole answer, when it is no success */
  async #call(who: string, path: string, body?: string): Promise<unknown> {
    const response = await fetch(`${this.#url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${this.#tokens[who] ?? ''}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} as ${who} was answered ${response.status}: ${text}`);
    return JSON.parse(text);
  }
}

function incidentIn(answer: unknown): string {
  if (typeof answer === 'object' && answer !== null && 'incident' in answer) return String(answer.incident);
  throw new Error(`no incident was opened: ${JSON.stringify(answer)}`);
}
