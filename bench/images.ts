/**
 * What it costs to know whether an image may run, beside a bare client that only asks what the tag names: a cached image's check, and many workloads at
 * once. A real registry; images for two platforms, each with a bundle of a certificate, a log entry and a timestamp, and a signature of cosign's first
 * format. `node bench/images.ts [workloads]`; prints JSON.
 */
import { generateKeyPairSync } from 'node:crypto';
import { subscribe } from 'node:diagnostics_channel';
import { hash } from 'bcryptjs';
import PQueue from 'p-queue';
import { createImageAssessor } from '../activities/images/assess.ts';
import { inForce } from '../activities/images/in-force.ts';
import { parseImagePolicy } from '../activities/images/policy.ts';
import { createRegistryClient } from '../activities/images/registry/client.ts';
import { sha256 } from '../domain/json.ts';
import { Secret } from '../domain/secret.ts';
import { basicAuthorization, pusher, pushIndex } from '../testbed/image.ts';
import { startRegistry } from '../testbed/registry.ts';
import { pushBundles, pushSimpleSigning } from '../test/support/signed-images.ts';
import { createSigstore } from '../test/support/sigstore.ts';

const count = Number(process.argv[2] ?? 500);
const checks = 1_000;
const atOnce = 8;
const user = 'puller';
const password = 'of-the-bench-0123456789';
const identity = 'https://git.example/shop/release.yml@refs/heads/main';
const issuer = 'https://ci.example';
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signal = AbortSignal.timeout(30 * 60_000);

const registry = await startRegistry({
  htpasswd: `${user}:${(await hash(password, 4)).replace('$2b$', '$2y$')}`,
});
const sigstore = await createSigstore();
const trustedRoot = {
  file: 'root.json',
  sha256: sha256(sigstore.trustedRoot),
  asOf: new Date().toISOString(),
  maxAgeDays: 30,
};
const policy = inForce(
  parseImagePolicy({
    images: [{ repositories: [`${registry.host}/**`], signedBy: [{ identity, issuer }, { key: 'release' }] }],
    keys: { release: { pem: publicKey.export({ format: 'pem', type: 'spki' }).toString() } },
    trustedRoot,
  }),
  sigstore.trustedRoot,
);
const client = createRegistryClient({
  registries: [
    {
      host: registry.host,
      url: registry.url,
      credentials: async () => ({ username: user, password: new Secret(password) }),
    },
  ],
  atOnce,
});
const assessor = () => createImageAssessor({ client, policy: async () => policy });
const load = watchRequests();
try {
  const repositories = await push();
  const [one = ''] = repositories;
  const result = {
    unit: 'ms',
    cached: await cachedChecks(one),
    workloads: await workloads(repositories),
  };
  process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
} finally {
  await client.close();
  await registry.stop();
}

/** An image in each of so many repositories. */
async function push(): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => `shop/w${index}`);
  const turns = new PQueue({ concurrency: 4 });
  await turns.addAll(
    names.map((name) => async () => {
      const to = pusher(registry.url, name, { authorization: basicAuthorization(user, password) });
      const { digest } = await pushIndex(to, 'v1');
      const at = new Date((Math.ceil(Date.now() / 1_000) + 1) * 1_000);
      const bundle = await sigstore.bundle(digest, { identity, issuer, loggedAt: at, stampedAt: at });
      await pushBundles(to, digest, bundle);
      await pushSimpleSigning(to, digest, await sigstore.simpleSigning(digest, { key: privateKey }));
    }),
  );
  return names;
}

/** The same image again and again; each time its tag, its `.sig` and `.att` tags and what refers to it are asked. */
async function cachedChecks(repository: string) {
  const asked = assessor();
  const reference = `${registry.host}/${repository}:v1`;
  const first = await timed(() => asked.assess(reference, { signal }));
  const times: number[] = [];
  const bare: number[] = [];
  for (let index = 0; index < checks; index += 1) {
    times.push(await timed(() => asked.assess(reference, { signal })));
    bare.push(await timed(() => client.manifest({ registry: registry.host, repository }, 'v1', { signal })));
  }
  const check = summary(times);
  const tagOnly = summary(bare);
  return {
    checks,
    first: round(first),
    check,
    tagOnly,
    ratio: { p50: round(check.p50 / tagOnly.p50), p99: round(check.p99 / tagOnly.p99) },
  };
}

/** All at once, as a storm would: nothing known before, and then once more. */
async function workloads(repositories: readonly string[]) {
  const asked = assessor();
  const all = async () => {
    const verdicts = await Promise.all(
      repositories.map((name) => asked.assess(`${registry.host}/${name}:v1`, { signal })),
    );
    const refused = verdicts.filter(({ judgement }) => judgement.verdict !== 'accepted').length;
    if (refused > 0) throw new Error(`${refused} of ${count} are refused: ${JSON.stringify(verdicts[0])}`);
  };
  const tags = async () => {
    await Promise.all(
      repositories.map((repository) =>
        client.manifest({ registry: registry.host, repository }, 'v1', { signal }),
      ),
    );
  };
  const cold = await measured(all);
  const warm = await measured(all);
  const tagsOnly = await measured(tags);
  const per = (one: { wall: number }) => round(one.wall / tagsOnly.wall);
  return { count, atOnce, cold, warm, tagsOnly, ratio: { cold: per(cold), warm: per(warm) } };
}

async function measured(work: () => Promise<void>) {
  global.gc?.();
  load.reset();
  const before = process.memoryUsage.rss();
  let peak = before;
  const sampling = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 5);
  const wall = await timed(work);
  clearInterval(sampling);
  return {
    wall: round(wall),
    requests: load.requests,
    requestsEach: round(load.requests / count),
    mostAtOnce: load.most,
    rssBeforeMiB: mib(before),
    rssPeakMiB: mib(peak),
  };
}

/** What goes to the registry, as the HTTP client itself tells. */
function watchRequests() {
  const state = { requests: 0, most: 0, open: 0, reset };
  function reset(): void {
    state.requests = 0;
    state.most = 0;
  }
  subscribe('undici:client:sendHeaders', () => {
    state.requests += 1;
    state.open += 1;
    state.most = Math.max(state.most, state.open);
  });
  const ended = () => {
    state.open -= 1;
  };
  subscribe('undici:request:trailers', ended);
  subscribe('undici:request:error', ended);
  return state;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function summary(values: number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { p50: at(0.5), p99: at(0.99), min: at(0), max: round(sorted.at(-1) ?? 0) };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function mib(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}
