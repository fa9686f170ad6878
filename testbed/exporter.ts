import { createServer } from 'node:http';
import { freePort } from './ports.ts';

/** What a series has: a number, whatever Prometheus reads as one, or a function that is asked at each scrape. */
type Sample = number | 'NaN' | '+Inf' | '-Inf' | (() => number);

/** A target that Prometheus scrapes, on 127.0.0.1: text format 0.0.4. */
export interface Exporter {
  /** `127.0.0.1:<port>`. */
  target: string;
  /**
   * Sets a series, such as `requests_total{code="200"}`.
   * @param atMs the time that the sample claims, milliseconds since 1970; the scrape's when absent. Prometheus marks a series with times of its own not as
   * stale when it ends.
   */
  set(series: string, sample: Sample, atMs?: number): void;
  remove(series: string): void;
  /** Scrapes answered since the start. */
  scrapes(): number;
  stop(): Promise<void>;
}

export async function startExporter(): Promise<Exporter> {
  const port = await freePort();
  const samples = new Map<string, { sample: Sample; atMs: number | undefined }>();
  let scrapes = 0;
  const server = createServer((_request, response) => {
    scrapes++;
    const lines = [...samples].map(([series, { sample, atMs }]) => {
      const value = typeof sample === 'function' ? sample() : sample;
      return `${series} ${value}${atMs === undefined ? '' : ` ${atMs}`}\n`;
    });
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(lines.join(''));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    target: `127.0.0.1:${port}`,
    set: (series, sample, atMs) => void samples.set(series, { sample, atMs }),
    remove: (series) => void samples.delete(series),
    scrapes: () => scrapes,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
