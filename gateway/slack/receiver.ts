import type { App, Receiver } from '@slack/bolt';

/** What Slack is answered. */
export interface Answer {
  status: number;
  body: unknown;
}

/**
 * Transport only: hands verified bodies to Bolt, and gives back what its listener acknowledged. The listener may work on after
 * that; `settled` waits for it.
 */
export class FastifyReceiver implements Receiver {
  #app: App | undefined;
  readonly #working = new Set<Promise<void>>();

  init(app: App): void {
    this.#app = app;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return this.settled();
  }

  /** Answers once a listener acknowledges; 404 when there is none for this body. */
  deliver(body: { [key: string]: unknown }): Promise<Answer> {
    const app = this.#app;
    if (app === undefined) throw new TypeError('init has not been called');
    return new Promise((resolve, reject) => {
      const work = app
        .processEvent({
          body,
          ack: (response?: unknown) => {
            resolve({ status: 200, body: response ?? '' });
            return Promise.resolve();
          },
        })
        .then(() => resolve({ status: 404, body: '' }), reject)
        .finally(() => this.#working.delete(work));
      this.#working.add(work);
    });
  }

  /** Resolves when no listener is at work. */
  async settled(): Promise<void> {
    while (this.#working.size > 0) await Promise.allSettled(this.#working);
  }
}
