import { z } from 'zod';
import { accountInput, credentialInput, principalInput } from '../containment/input.ts';

export const input = z.strictObject({
  account: accountInput,
  role: principalInput
    .regex(/(^|:)role\//, 'must be role/NAME, or the ARN of a role')
    .describe('Role whose sessions to revoke: role/NAME, or its ARN'),
  credential: credentialInput,
});
export type Input = z.infer<typeof input>;
