import { z } from 'zod';
import type { ActionContext } from '../../../domain/action.ts';
import type { JsonObject } from '../../../domain/json.ts';
import type { Secret } from '../../../domain/secret.ts';
import { typed } from '../../failure.ts';
import { basic, createServiceClient, segment, type ServiceClient } from '../../service/client.ts';
import { isServiceError } from '../../service/errors.ts';
import type { HarborConfig, RegistryRegistry } from '../registries.ts';

const robotShape = z.looseObject({
  id: z.int(),
  name: z.string(),
  level: z.string().default('system'),
  disable: z.boolean().default(false),
  description: z.string().default(''),
});
/** As the API shows one, whole: an update sends it back. Without its secret, and without what every change alters. */
export type Robot = JsonObject & { id: number; name: string; level: string; disable: boolean };

/** Harbor's API v2.0, as far as actions need it: github.com/goharbor/harbor, api/v2.0/swagger.yaml. Throws ServiceError. */
export interface HarborApi {
  /** undefined when there is none. */
  robot(id: number): Promise<Robot | undefined>;
  /** Replaces all of its fields but level and name. The same again changes nothing. */
  update(robot: Robot): Promise<void>;
  /** Sets the secret that is given. The same again changes nothing. */
  refresh(id: number, secret: Secret): Promise<void>;
  /** Whether the token service takes these for somebody: what `docker login` asks. */
  canLogIn(username: string, password: Secret): Promise<boolean>;
}

/** Runs a verb over the API of the Harbor that its input names, which is closed after it. Every error leaves it as a typed failure. */
export function onHarbor<T>(
  registries: RegistryRegistry,
  { signal }: Pick<ActionContext, 'signal'>,
  { input }: { input: { registry: string } },
  verb: (api: HarborApi, harbor: HarborConfig) => Promise<T>,
): Promise<T> {
  return typed(async () => {
    const harbor = registries('harbor', input.registry);
    const client = createServiceClient({
      service: `registries.${harbor.name}`,
      baseUrl: harbor.url,
      authorization: async () => basic(harbor.username, await harbor.password()),
    });
    try {
      return await verb(harborApi(client, signal), harbor);
    } finally {
      await client.close();
    }
  });
}

function harborApi(client: ServiceClient, signal: AbortSignal): HarborApi {
  return {
    async robot(id) {
      try {
        const answer = await client.read({ operation: `read robot ${id}`, path: pathOf(id), signal });
        return asRobot(answer.body);
      } catch (error) {
        if (isServiceError(error, 'gone')) return undefined;
        throw error;
      }
    },
    async update(robot) {
      await client.write({
        method: 'PUT',
        operation: `update robot ${robot.name}`,
        path: pathOf(robot.id),
        body: robot,
        signal,
      });
    },
    async refresh(id, secret) {
      await client.write({
        method: 'PATCH',
        operation: `refresh the secret of robot ${id}`,
        path: pathOf(id),
        body: { secret },
        signal,
      });
    },
    async canLogIn(username, password) {
      try {
        await client.read({
          operation: `log in as ${username}`,
          path: '/service/token',
          query: { service: 'harbor-registry' },
          as: basic(username, password),
          signal,
        });
        return true;
      } catch (error) {
        if (isServiceError(error, 'unauthenticated')) return false;
        throw error;
      }
    },
  };
}

function pathOf(id: number): string {
  return `/api/v2.0/robots/${segment(id)}`;
}

function asRobot(body: unknown): Robot {
  const parsed = robotShape.parse(body);
  const { secret: _secret, update_time: _updated, ...rest } = parsed;
  const robot: Robot = JSON.parse(JSON.stringify(rest));
  return robot;
}
