import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { ACK_WITHIN_MS } from './delivery.ts';
import { hex } from './identity.ts';
import { isObject, textOf } from './types.ts';
import type { Delivery, RetryReason } from './delivery.ts';
import type { JsonObject } from './types.ts';

/** "up to 10 open WebSocket connections" — Using Socket Mode, docs.slack.dev/apis/events-api/using-socket-mode. */
const MOST_CONNECTIONS = 10;
/** Slack's clients give a connection up after 30 s without a ping. */
const PING_EVERY_MS = 5_000;
const CONNECTION_TIME_S = 3_600;
const CLOSE_WITHIN_MS = 1_000;
const HOST = 'applink-testbed';

/** Socket Mode: one-time WebSocket URLs, `hello`, envelopes and their acknowledgements, refreshes. */
export class SocketMode {
  readonly #server = new WebSocketServer({ noServer: true });
  readonly #tickets = new Set<string>();
  readonly #waiting = new Map<string, (ack: JsonObject) => void>();
  readonly #appId: string;
  readonly #pinger: NodeJS.Timeout;
  #next = 0;

  constructor(appId: string) {
    this.#appId = appId;
    this.#pinger = setInterval(() => this.#connections().forEach((one) => one.ping()), PING_EVERY_MS);
    this.#pinger.unref();
  }

  get connected(): boolean {
    return this.#connections().length > 0;
  }

  /** `apps.connections.open`: a URL that connects once. Slack's is wss; on loopback there is no TLS. */
  open(host: string): JsonObject {
    const ticket = hex(16);
    this.#tickets.add(ticket);
    return { ok: true, url: `ws://${host}/link/?ticket=${ticket}&app_id=${this.#appId}` };
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = new URL(request.url ?? '/', 'ws://testbed');
    if (url.pathname !== '/link/' || !this.#tickets.delete(url.searchParams.get('ticket') ?? '')) {
      socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n');
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (connection) => this.#welcome(connection));
  }

  #welcome(connection: WebSocket): void {
    const number = this.#connections().length;
    if (number > MOST_CONNECTIONS) {
      connection.send(
        JSON.stringify({ type: 'disconnect', reason: 'too_many_websockets', debug_info: { host: HOST } }),
      );
      connection.close();
      return;
    }
    connection.on('message', (data: Buffer) => {
      if (!this.#receive(data.toString('utf8'))) connection.close(1007, 'not JSON');
    });
    connection.send(
      JSON.stringify({
        type: 'hello',
        num_connections: number,
        connection_info: { app_id: this.#appId },
        debug_info: {
          host: HOST,
          started: new Date().toISOString(),
          build_number: 1,
          approximate_connection_time: CONNECTION_TIME_S,
        },
      }),
    );
  }

  /** Takes an acknowledgement in. False for what is not JSON. */
  #receive(text: string): boolean {
    try {
      const ack: unknown = JSON.parse(text);
      if (isObject(ack)) this.#waiting.get(textOf(ack['envelope_id']))?.(ack);
      return true;
    } catch (error) {
      if (error instanceof SyntaxError) return false;
      throw error;
    }
  }

  /** Sends the payload in a new envelope to one of the connections, and waits three seconds for its acknowledgement. */
  async deliver(payload: JsonObject, retry?: { num: number; reason: RetryReason }): Promise<Delivery> {
    const connections = this.#connections();
    const connection = connections[this.#next++ % connections.length];
    if (!connection) return { transport: 'socket', failure: 'connection', status: 0, body: '' };
    const envelopeId = randomUUID();
    const acknowledged = new Promise<JsonObject | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), ACK_WITHIN_MS);
      this.#waiting.set(envelopeId, (ack) => {
        clearTimeout(timer);
        resolve(ack);
      });
    });
    const envelope = {
      envelope_id: envelopeId,
      type: 'interactive',
      accepts_response_payload: true,
      payload,
    };
    connection.send(
      JSON.stringify(
        retry ? { ...envelope, retry_attempt: retry.num, retry_reason: retry.reason } : envelope,
      ),
    );
    const ack = await acknowledged;
    this.#waiting.delete(envelopeId);
    if (!ack) return { transport: 'socket', failure: 'timeout', status: 0, body: '' };
    const answer = ack['payload'];
    const body = isObject(answer) && Object.keys(answer).length > 0 ? JSON.stringify(answer) : '';
    return { transport: 'socket', failure: undefined, status: 200, body };
  }

  /** Tells every client to connect anew, as Slack does every few hours. */
  refresh(reason: 'warning' | 'refresh_requested' | 'link_disabled' = 'refresh_requested'): void {
    for (const one of this.#connections()) {
      one.send(JSON.stringify({ type: 'disconnect', reason, debug_info: { host: HOST } }));
    }
  }

  /** Closes with the WebSocket handshake: a client that is cut off in its own keeps its process alive for 30 s. */
  async stop(): Promise<void> {
    clearInterval(this.#pinger);
    const gone = [...this.#server.clients].map((one) => {
      one.close(1001);
      return once(one, 'close', { signal: AbortSignal.timeout(CLOSE_WITHIN_MS) });
    });
    await Promise.allSettled(gone);
    for (const one of this.#server.clients) one.terminate();
    this.#server.close();
  }

  #connections(): WebSocket[] {
    return [...this.#server.clients].filter((one) => one.readyState === one.OPEN);
  }
}
