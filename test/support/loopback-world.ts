import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { worst, type Action, type ActionContext, type Claim, type Effect } from '../../domain/action.ts';
import { canonical } from '../../domain/json.ts';
import {
  appliedWith,
  contract,
  place,
  planOf,
  switchAuthority,
  undoneWith,
  type Place,
} from './test-action.ts';

/** A world of one switch a namespace, behind HTTP on this machine: it outlives the process that changes it. */
export class LoopbackWorld {
  readonly on = new Set<string>();
  /** Every change that was carried out, `<namespace> on` or `<namespace> off`; a second one is not a change but counts. */
  readonly writes: string[] = [];
  readonly #server: Server;
  readonly #unanswered: (incident: string, activity: string) => Promise<void>;

  /** @param unanswered waited for between a change and its answer: a kill there is a change whose outcome nobody heard */
  constructor(unanswered: (incident: string, activity: string) => Promise<void>) {
    this.#unanswered = unanswered;
    this.#server = createServer((request, response) => {
      const [, namespace = '', wanted] = (request.url ?? '').split('/');
      if (request.method === 'GET') {
        response.end(JSON.stringify({ on: this.on.has(namespace) }));
        return;
      }
      if (wanted === 'on') this.on.add(namespace);
      else this.on.delete(namespace);
      this.writes.push(`${namespace} ${wanted}`);
      const { 'x-incident': incident, 'x-activity': activity } = request.headers;
      void this.#unanswered(String(incident), String(activity)).then(() => response.end('{}'));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** The actions over such a world, as careful as real ones and no more: one contains, one changes what can be undone, one only looks. */
export function loopbackActions(url: string): Action[] {
  return [
    loopbackAction(url, 'test.switch', 'contain'),
    loopbackAction(url, 'test.dial', 'reversible'),
    loopbackAction(url, 'test.look', 'read'),
  ];
}

function loopbackAction(url: string, name: string, effect: Effect): Action {
  async function isOn(namespace: string): Promise<boolean> {
    const answer = (await (await fetch(`${url}/${namespace}`)).json()) as { on: boolean };
    return answer.on;
  }
  async function turn(
    context: ActionContext,
    { incident, input }: { incident: string; input: Place },
    verb: 'apply' | 'undo',
  ): Promise<void> {
    const headers = { 'x-incident': incident, 'x-activity': `${name}.${verb}` };
    await context.beforeWrite('writing');
    const wanted = verb === 'apply' ? 'on' : 'off';
    await fetch(`${url}/${input.namespace}/${wanted}`, { method: 'PUT', headers, signal: context.signal });
    await context.checkpoint('written');
  }
  const action: Action<Place> = {
    ...contract,
    name,
    title: 'Turn a switch on',
    effect,
    input: place,
    timing: {
      planMs: 60_000,
      applyMs: 60_000,
      verifyMs: 60_000,
      undoMs: 60_000,
      heartbeatMs: 2_000,
      attempts: 3,
    },
    holds: effect === 'contain',
    async plan(context, { input }) {
      await context.checkpoint('reading');
      const before = canonical({ on: await isOn(input.namespace) });
      const snapshot = await context.evidence.put(before, 'application/json');
      await context.checkpoint('snapshot stored');
      return planOf(switchAuthority(name, input), input, snapshot, {
        undo: { kind: 'restore', text: 'the switch is put back' },
        description: {
          title: `Switch ${input.namespace}`,
          ifApproved: ['it is on'],
          ifDenied: ['it is off'],
        },
      });
    },
    async apply(context, mandate) {
      const already = await isOn(mandate.input.namespace);
      if (!already && effect !== 'read') await turn(context, mandate, 'apply');
      return appliedWith({ already }, { already: already ? 1 : 0 });
    },
    async verify(context, { input }) {
      await context.checkpoint('looking');
      const on = await isOn(input.namespace);
      const verdict = on || effect === 'read' ? 'verified' : 'failed';
      const claims: Claim[] = [{ claim: 'the switch is on', verdict, detail: '' }];
      return { state: on ? 'in-place' : 'absent', verdict: worst(claims), claims };
    },
    async undo(context, mandate) {
      const before: unknown = JSON.parse(Buffer.from(await context.evidence.get(mandate.base)).toString());
      if (canonical({ on: await isOn(mandate.input.namespace) }) !== canonical(before))
        await turn(context, mandate, 'undo');
      return undoneWith();
    },
  };
  return action;
}
