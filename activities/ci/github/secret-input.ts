import { z } from 'zod';

/** As playbooks name secrets, `<store>/<path>`; stricter than their inputs of type `secret`, so that no token of GitHub's fits that is pasted in its place. */
const secretName = /^[a-z0-9][a-z0-9-]{0,62}\/[A-Za-z0-9._/-]{1,189}$/;

/** An input that takes the name of a secret, never its value. */
export function secretInput(description: string): z.ZodString {
  return z
    .string()
    .regex(secretName, 'must be the name of a secret, <store>/<path>')
    .describe(description)
    .meta({ 'x-secret': true });
}
