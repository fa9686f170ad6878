import { z } from 'zod';
import { principalPattern } from './principal.ts';

/** The name of a secret, as inputs of type `secret` have it. */
const secretName = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,252}$/;

export const accountInput = z.string().min(1).max(253).describe('Name of the AWS account as configured');

export const principalInput = z
  .string()
  .max(600)
  .regex(principalPattern, 'must be user/NAME or role/NAME, or the ARN of one');

export const credentialInput = z
  .string()
  .regex(secretName)
  .meta({ 'x-secret': true })
  .describe(
    'Name of a secret with the credential that leaked, as JSON with accessKeyId, secretAccessKey and sessionToken: it is tried, to prove that it is refused',
  )
  .exactOptional();
