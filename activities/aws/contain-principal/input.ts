import { z } from 'zod';
import { accountInput, credentialInput, principalInput } from '../containment/input.ts';

export const input = z.strictObject({
  account: accountInput,
  principal: principalInput.describe('User or role to contain: user/NAME, role/NAME, or its ARN'),
  credential: credentialInput,
});
export type Input = z.infer<typeof input>;
