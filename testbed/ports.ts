import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below Linux's ephemeral range (32768 and up): there, any outgoing connection of the machine could take the port between
 * our look and the server's bind, or while a server is down for an outage test.
 */
const FIRST = 20_000;
const LAST = 32_767;

const handedOut = new Set<number>();

/** `count` ports of 127.0.0.1 on which nobody listens, and which this process has not handed out before. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let attempt = 0; ports.length < count; attempt++) {
    if (attempt > 1000) throw new Error(`no ${count} free ports between ${FIRST} and ${LAST} on 127.0.0.1`);
    const port = randomInt(FIRST, LAST + 1);
    if (handedOut.has(port) || !(await isFree(port))) continue;
    handedOut.add(port);
    ports.push(port);
  }
  return ports;
}

/** One free port of 127.0.0.1. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
