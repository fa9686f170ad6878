import { z } from 'zod';
import { accountInput, credentialInput } from '../containment/input.ts';

export const input = z.strictObject({
  account: accountInput,
  accessKeyId: z
    .string()
    .regex(/^AKIA[A-Z0-9]{12,124}$/, 'must be the id of a long-term key, AKIA…')
    .describe('Id of the access key that leaked'),
  userCompromised: z
    .boolean()
    .default(false)
    .describe(
      'The user itself is in other hands, not this key alone: deny the user everything, its other keys too',
    ),
  lookBackHours: z
    .int()
    .min(1)
    .max(2160)
    .default(168)
    .describe('How far back to look for what was done with the key; CloudTrail has 90 days'),
  credential: credentialInput,
});
export type Input = z.infer<typeof input>;
