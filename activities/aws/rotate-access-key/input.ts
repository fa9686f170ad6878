import { z } from 'zod';
import { accountInput } from '../containment/input.ts';

/** Calls that prove more than that a key is valid: IAM must authorise them. */
const checks = [
  'iam:GetUser',
  'sts:AssumeRole',
  'secretsmanager:DescribeSecret',
  'lambda:GetFunctionConfiguration',
  'none',
] as const;

/** A user's name, without its path. */
export const userName = z
  .string()
  .regex(/^[\w+=,.@-]{1,64}$/, 'must be the name of an IAM user')
  .describe('Name of the IAM user whose key it is');

export const keyId = z
  .string()
  .regex(/^AKIA[A-Z0-9]{12,124}$/, 'must be the id of a long-term access key, AKIA…');

export const input = z
  .strictObject({
    account: accountInput,
    user: userName,
    accessKeyId: keyId.describe('The key to replace'),
    secret: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,252}$/, 'must be the name of a secret: <store>/<path>')
      .meta({ 'x-secret': true })
      .describe('Where the key is kept: it must hold the key to replace, or nothing yet'),
    format: z
      .enum(['json', 'credentials-file'])
      .default('json')
      .describe(
        'json: {"accessKeyId": …, "secretAccessKey": …}; credentials-file: what AWS_SHARED_CREDENTIALS_FILE names',
      ),
    check: z
      .enum(checks)
      .describe(
        "A call that the user is allowed, tried with the new key before the old one is touched. none: only the key's validity is proven",
      ),
    checkOn: z
      .string()
      .min(1)
      .max(2048)
      .exactOptional()
      .describe(
        'What the check is called for: ARN of the role, secret or function. Not for iam:GetUser and none',
      ),
  })
  .superRefine(({ check, checkOn }, context) => {
    const takesNothing = check === 'iam:GetUser' || check === 'none';
    if (takesNothing !== (checkOn === undefined))
      context.addIssue({
        code: 'custom',
        path: ['checkOn'],
        message: takesNothing
          ? `${check} takes none: leave it out`
          : `${check} needs one: say what it is called for`,
      });
  });
export type Input = z.infer<typeof input>;
