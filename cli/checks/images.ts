import { request } from 'undici';
import { createRegistryClient } from '../../activities/images/registry/client.ts';
import { isFresh } from '../../activities/images/signatures/trusted-root.ts';
import { systemCode } from '../../domain/errors.ts';
import type { Configuration } from '../../worker/config/load.ts';
import { imagePolicyFile } from '../../worker/image-policy.ts';
import { imageRegistriesOf } from '../../worker/image-registries.ts';
import { attempt, failed, ok, warning, type Check } from './check.ts';

const timeoutMs = 5_000;
/** A trusted root that ends sooner is worth a word. */
const soonMs = 3 * 86_400_000;

/** The image policy, and the registries that images are read from, as far as they are known without calling anybody. */
export async function checkImages(configuration: Configuration, now = new Date()): Promise<Check[]> {
  const registries = imageRegistriesOf(configuration.registries);
  return [
    ...(await attempt('registries', async () => {
      await createRegistryClient({ registries }).close();
      return registries.map(({ host, url }) => ok(`registry ${host}`, url));
    })),
    ...(await attempt('images.policy', () => checkPolicy(configuration, now))),
  ];
}

async function checkPolicy({ images, registries }: Configuration, now: Date): Promise<Check[]> {
  if (images === undefined) return [];
  const { policy, trust } = await imagePolicyFile(images.policy)();
  const checks = [ok('images.policy', images.policy)];
  const { root } = trust;
  if (root !== undefined) {
    const until = root.freshUntil.toISOString();
    const fix = 'fetch the trusted root again, look at it, and pin it';
    if (!isFresh(root, now))
      checks.push(failed('images.policy trustedRoot', `it counts only until ${until}, from asOf on`, fix));
    else if (root.freshUntil.getTime() - now.getTime() < soonMs)
      checks.push(warning('images.policy trustedRoot', `it counts only until ${until}`, fix));
  }
  const hosts = new Set(registries.map((registry) => (registry.kind === 'oci' ? registry.host : '')));
  const wanted = new Set(
    policy.images.flatMap((rule) => rule.repositories.map((pattern) => pattern.split('/')[0] ?? '')),
  );
  for (const host of wanted)
    if (!hosts.has(host))
      checks.push(
        warning(
          'images.policy',
          `it is about images of ${host}, and no registry of kind oci is configured for it: they cannot be read`,
          `add one with host: ${host}`,
        ),
      );
  return checks;
}

/** Whether each registry that images are read from answers as one. */
export async function checkImageRegistries({ registries }: Configuration): Promise<Check[]> {
  return Promise.all(
    imageRegistriesOf(registries).map(async ({ host, url }) => {
      const name = `registry ${host}`;
      try {
        const { statusCode, headers, body } = await request(`${url.replace(/\/+$/, '')}/v2/`, {
          signal: AbortSignal.timeout(timeoutMs),
        });
        await body.dump();
        // Most ask who it is first.
        if (statusCode === 200 || statusCode === 401)
          return ok(name, `${url} answers${statusCode === 401 ? ', and asks for credentials' : ''}`);
        const kind = headers['content-type'];
        return failed(
          name,
          `${url}/v2/ answers HTTP ${statusCode}${typeof kind === 'string' ? ` (${kind})` : ''}`,
          'correct registries[].url: it is the address of the API, without /v2',
        );
      } catch (error) {
        const why = error instanceof Error && error.name === 'TimeoutError' ? 'timeout' : systemCode(error);
        return failed(name, `${url} cannot be reached (${why})`, 'correct registries[].url');
      }
    }),
  );
}
