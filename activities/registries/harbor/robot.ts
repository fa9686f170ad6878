import { z } from 'zod';
import type { Limit, Target } from '../../../domain/action.ts';
import type { Permission, Verb } from '../../../domain/permission.ts';
import { limit } from '../../service/plan.ts';
import { registryPlace, type HarborConfig } from '../registries.ts';
import type { HarborApi, Robot } from './api.ts';
import { targetGone } from '../failures.ts';

export const robotFields = {
  registry: z.string().min(1).max(63).describe('Name of the Harbor as configured under registries'),
  robot: z.int().min(1).describe('Number of the robot account'),
};

/** A robot by what guardrails know it by: `robot/42`. Harbor never gives a number again. */
export function robotTarget(harbor: HarborConfig, id: number): Target {
  return { kind: 'Robot', cluster: registryPlace(harbor), name: `robot/${id}`, uid: String(id) };
}

/** @throws TargetGone */
export async function mustRead(api: HarborApi, harbor: HarborConfig, id: number): Promise<Robot> {
  const robot = await api.robot(id);
  if (robot === undefined) throw targetGone(`robot/${id}`, `does not exist in registry ${harbor.name}`);
  return robot;
}

/** Why a robot must not be touched. */
export function supportsOf(harbor: HarborConfig, { name }: Robot): string[] {
  return name === harbor.username
    ? ['it is the account that Firebreak itself uses there: change it by hand']
    : [];
}

/** What neither a new secret nor a disabled account reaches. */
export const robotLimits: Limit[] = [
  limit(
    'issued-bearer-tokens',
    'Bearer tokens that Harbor has issued to the robot live on, 30 minutes unless configured otherwise: the window of suspicion stays open until then.',
  ),
  limit(
    'pushed-images',
    'What was pushed or pulled with it stays: look for it in the audit log over the whole window.',
  ),
];

export function harborNeeds(scope: string, why: string, ...verbs: Verb[]): Permission[] {
  return verbs.map((verb) => ({ system: 'harbor', scope, why, verb }));
}
