import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { kubectl } from '../demo/firebreak.ts';
import type { Kubernetes } from '../kubernetes.ts';
import type { View } from './api.ts';
import type { Beside } from './beside.ts';

/** What goes wrong in the midst of an incident, and is mended once the incident is over. */
export const mishap = z.strictObject({
  what: z.enum([
    /** A tenth of the requests fail. */
    'requests-fail',
    'metrics-away',
    'registry-away',
    /** Of the image `good`. */
    'signature-removed',
    /** Somebody's controller puts the workload's template back as it was when the incident was opened, again and again. */
    'workload-reverted',
  ]),
  /** From when this question is asked: before it is answered. */
  asked: z.string().min(1).max(300).optional(),
  /** From when this step has ended. */
  ended: z.string().min(1).max(300).optional(),
  /** Of `workload-reverted`: `<namespace>/<deployment>`. */
  workload: z.string().min(3).max(130).optional(),
});
export type Mishap = z.infer<typeof mishap>;

const everyMs = 200;

/** Has what is due go wrong. Ask it with each view before questions are answered; `mend` once the incident is over. */
export class Mishaps {
  readonly #world: { kubernetes: Kubernetes; beside: Beside };
  readonly #open: Set<Mishap>;
  readonly #seen: (text: string) => void;
  readonly #mends: (() => Promise<void>)[] = [];
  readonly #manifests = new Map<string, string>();

  private constructor(
    world: { kubernetes: Kubernetes; beside: Beside },
    mishaps: readonly Mishap[],
    seen: (text: string) => void,
  ) {
    this.#world = world;
    this.#open = new Set(mishaps);
    this.#seen = seen;
  }

  /** Remembers workloads as they are before the incident. */
  static async prepare(
    world: { kubernetes: Kubernetes; beside: Beside },
    mishaps: readonly Mishap[],
    seen: (text: string) => void,
  ): Promise<Mishaps> {
    const all = new Mishaps(world, mishaps, seen);
    for (const { workload } of mishaps) {
      if (workload === undefined) continue;
      const [namespace = '', name = ''] = workload.split('/');
      const stdout = await all.#kubectl(['-n', namespace, 'get', 'deployment', name, '-o', 'json']);
      const { template } = z
        .object({ spec: z.object({ template: z.looseObject({}) }) })
        .parse(JSON.parse(stdout)).spec;
      all.#manifests.set(workload, JSON.stringify({ spec: { template } }));
    }
    return all;
  }

  async due({ gates, steps }: Pick<View, 'gates' | 'steps'>): Promise<void> {
    for (const one of this.#open) {
      const isAsked = gates.some(({ gate }) => gate.id === one.asked);
      const isEnded = steps.some(
        ({ id, status }) => id === one.ended && status !== 'running' && status !== 'waiting',
      );
      if (!isAsked && !isEnded) continue;
      this.#open.delete(one);
      this.#mends.push(await this.#begin(one));
      this.#seen(`goes wrong: ${one.what}`);
    }
  }

  /** Ends all that went wrong. @returns what never did, for nothing brought it about */
  async mend(): Promise<string[]> {
    for (const mend of this.#mends.splice(0).toReversed()) await mend();
    return [...this.#open].map(({ what }) => what);
  }

  async #begin({ what, workload = '' }: Mishap): Promise<() => Promise<void>> {
    const { metrics, registry, signedImages } = this.#world.beside;
    if (what === 'requests-fail') {
      metrics?.failing(0.1);
      return () => Promise.resolve(metrics?.failing(0));
    }
    if (what === 'metrics-away') {
      metrics?.scraped(false);
      return () => Promise.resolve(metrics?.scraped(true));
    }
    if (what === 'signature-removed') {
      if (signedImages === undefined)
        throw new Error('there are no signed images: add beside: [signed-images]');
      return signedImages.removeSignature('good');
    }
    if (what === 'registry-away') {
      if (registry === undefined) throw new Error('there is no registry: add beside: [registry]');
      const over = Promise.withResolvers<void>();
      const gone = Promise.withResolvers<void>();
      const back = registry.whileAway(() => {
        gone.resolve();
        return over.promise;
      });
      await gone.promise;
      return () => {
        over.resolve();
        return back;
      };
    }
    return this.#revert(workload);
  }

  #revert(workload: string): () => Promise<void> {
    const enough = new AbortController();
    const [namespace = '', name = ''] = workload.split('/');
    const manifest = this.#manifests.get(workload);
    if (manifest === undefined) throw new Error('workload-reverted needs workload: <namespace>/<deployment>');
    const reverting = (async () => {
      while (!enough.signal.aborted) {
        await this.#kubectl(['-n', namespace, 'patch', 'deployment', name, '--type=merge', '-p', manifest]);
        await sleep(everyMs);
      }
    })();
    // What it fails with is told when it is mended.
    reverting.catch(() => undefined);
    return () => {
      enough.abort();
      return reverting;
    };
  }

  async #kubectl(args: readonly string[]): Promise<string> {
    const { kubernetes } = this.#world;
    const { code, stdout, stderr } = await kubectl(kubernetes, kubernetes.adminKubeconfig, args);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  }
}
