import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { freePort } from '../../testbed/ports.ts';

export interface FrontCall {
  path: string;
  query: URLSearchParams;
  authorization: string | undefined;
}

/** Before a real registry, or another host, for what a real registry does not do. */
export interface Front {
  url: string;
  host: string;
  port: number;
  calls: FrontCall[];
  /** Answers a call, or leaves it to the registry behind by returning false. */
  answer: (call: FrontCall, response: ServerResponse) => boolean;
  /** What the registry behind is asked with, in place of what came. */
  authorization: string | undefined;
  stop(): Promise<void>;
}

/** @param behind the address of the registry that gets what `answer` leaves; without it that is 404 */
export async function startFront(behind?: string): Promise<Front> {
  const port = await freePort();
  const front: Front = {
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    port,
    calls: [],
    answer: () => false,
    authorization: undefined,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', front.url);
    const call = { path: pathname, query: searchParams, authorization: request.headers.authorization };
    front.calls.push(call);
    if (front.answer(call, response)) return;
    if (behind === undefined) return void response.writeHead(404).end();
    const authorization = front.authorization ?? call.authorization;
    const answer = await fetch(
      `${behind}${pathname}${searchParams.size === 0 ? '' : `?${searchParams.toString()}`}`,
      {
        headers: {
          accept: request.headers.accept ?? '*/*',
          ...(authorization === undefined ? {} : { authorization }),
        },
      },
    );
    const headers = Object.fromEntries(answer.headers);
    response.writeHead(answer.status, headers).end(Buffer.from(await answer.arrayBuffer()));
  }
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      process.stderr.write(`front: ${String(error)}\n`);
      response.destroy();
    });
  });
  server.listen({ port, host: '127.0.0.1' });
  await once(server, 'listening');
  return front;
}
