import { startExporter } from '../exporter.ts';
import { waitFor } from '../process.ts';
import { startPrometheus } from '../prometheus.ts';

/** What the shop's metrics say, in the configuration as `prometheus`. */
export interface ShopMetrics {
  /** Of `metrics`. */
  entry: object;
  /** Waits until a window of so many seconds is full of measurements. */
  full(seconds: number): Promise<void>;
}

const requestsPerSecond = 50;

/** A Prometheus that has scraped a service with some traffic and no errors since it was started. */
export async function startShopMetrics(ending: (() => Promise<void>)[]): Promise<ShopMetrics> {
  const exporter = await startExporter();
  ending.push(() => exporter.stop());
  const began = Date.now();
  const requests = (): number => Math.floor(((Date.now() - began) / 1_000) * requestsPerSecond);
  exporter.set('http_requests_total{code="200"}', requests);
  exporter.set('http_requests_total{code="500"}', 0);
  const prometheus = await startPrometheus({ targets: [exporter.target] });
  ending.push(() => prometheus.stop());
  return {
    entry: { name: 'prometheus', environment: 'production', kind: 'prometheus', url: prometheus.url },
    full: (seconds) =>
      waitFor(
        'enough measurements',
        () => Promise.resolve(exporter.scrapes() > seconds + 2),
        (seconds + 20) * 1_000,
      ),
  };
}
