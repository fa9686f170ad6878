import { z } from 'zod';
import type { GitHub } from './client.ts';

const answer = z.object({ id: z.number(), login: z.string() });

/** @throws ServiceError of class `gone` when there is none that the engine's identity may see */
export async function readOrganization(
  github: GitHub,
  organization: string,
  signal: AbortSignal,
): Promise<{ id: number; name: string }> {
  const { data } = await github.call(answer, {
    route: 'GET /orgs/{org}',
    parameters: { org: organization },
    operation: `read organization ${organization}`,
    signal,
  });
  return { id: data.id, name: data.login };
}
