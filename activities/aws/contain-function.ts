import { z } from 'zod';
import type { Action } from '../../domain/action.ts';
import { apply } from './contain-function/apply.ts';
import { functionPattern } from './contain-function/function.ts';
import { alwaysNotCovered } from './contain-function/limits.ts';
import { narrow, permissions } from './contain-function/permissions.ts';
import { plan } from './contain-function/plan.ts';
import { undo } from './contain-function/undo.ts';
import { verify } from './contain-function/verify.ts';
import { accountInput } from './containment/input.ts';
import { onAccount } from './containment/verbs.ts';
import type { AwsOptions } from './options.ts';

const name = 'aws.contain-function';

const input = z.strictObject({
  account: accountInput,
  function: z
    .string()
    .max(200)
    .regex(functionPattern, 'must be the name of a function or its ARN, without a version or alias')
    .describe('Function to contain: its name in the region of the account, or its ARN'),
  role: z
    .enum(['keep', 'deny-sessions', 'deny'])
    .default('keep')
    .describe(
      'What becomes of its execution role: keep; deny-sessions: those issued before are denied everything; deny: it is denied everything',
    ),
  sharedRole: z
    .enum(['refuse', 'accept'])
    .default('refuse')
    .describe('Whether the role may be contained though other functions run as it'),
});
export type Input = z.infer<typeof input>;

/** Lets no invocation of a Lambda function start, and takes the rights of its role where that is wished. */
export function containFunction({ accounts }: Pick<AwsOptions, 'accounts'>): Action<Input> {
  return {
    name,
    title: 'Contain a function of AWS Lambda',
    summary:
      'Reserves no concurrency for a function, so that no invocation of any version or alias starts, and disables its event sources, so that queues and streams keep what they have. ' +
      'Where it is wished, its role is denied everything, or its sessions from before are. The release puts the exact values and documents back.',
    effect: 'contain',
    input,
    outputs: {
      type: 'object',
      required: ['function', 'role', 'disabledEventSources'],
      properties: {
        function: { type: 'string', description: 'ARN' },
        role: { type: 'string', description: 'ARN of the role that it runs as' },
        disabledEventSources: { type: 'integer', description: 'How many were disabled now' },
      },
      additionalProperties: false,
    },
    permissions,
    narrow,
    notCovered: alwaysNotCovered,
    timing: {
      planMs: 60_000,
      applyMs: 120_000,
      verifyMs: 240_000,
      undoMs: 120_000,
      heartbeatMs: 60_000,
      attempts: 5,
    },
    holds: true,
    ...onAccount(name, accounts, { plan, apply, verify, undo }),
  };
}
