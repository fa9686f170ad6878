import { startExporter } from '../exporter.ts';
import { waitFor } from '../process.ts';
import { startPrometheus } from '../prometheus.ts';

/** What the shop's metrics say, in the configuration as `prometheus`. */
export interface ShopMetrics {
  /** Of `metrics`. */
  entry: object;
  /** Waits until a window of so many seconds is full of measurements, and of nothing that went wrong. */
  full(seconds: number): Promise<void>;
  /** So that a part of the requests fails, from now on; none fails any more when it is 0. */
  failing(share: number): void;
  /** Whether there are any. */
  scraped(there: boolean): void;
}

const requestsPerSecond = 50;

/** A Prometheus that has scraped a service with some traffic and no errors since it was started. */
export async function startShopMetrics(ending: (() => Promise<void>)[]): Promise<ShopMetrics> {
  const exporter = await startExporter();
  ending.push(() => exporter.stop());
  const began = Date.now();
  const requests = (): number => Math.floor(((Date.now() - began) / 1_000) * requestsPerSecond);
  const failures = { share: 0, since: 0, before: 0 };
  let undisturbed = 0;
  const failed = (): number =>
    Math.floor(failures.before + failures.share * Math.max(0, requests() - failures.since));
  const scraped = (there: boolean): void => {
    for (const [code, count] of Object.entries({ 200: () => requests() - failed(), 500: failed })) {
      const series = `http_requests_total{code="${code}"}`;
      if (there) exporter.set(series, count);
      else exporter.remove(series);
    }
    undisturbed = exporter.scrapes();
  };
  scraped(true);
  const prometheus = await startPrometheus({ targets: [exporter.target] });
  ending.push(() => prometheus.stop());
  return {
    failing(share) {
      Object.assign(failures, { share, before: failed(), since: requests() });
      undisturbed = exporter.scrapes();
    },
    scraped,
    entry: { name: 'prometheus', environment: 'production', kind: 'prometheus', url: prometheus.url },
    full: (seconds) =>
      waitFor(
        'enough measurements',
        () => Promise.resolve(exporter.scrapes() > undisturbed + seconds + 2),
        (seconds + 20) * 1_000,
      ),
  };
}
