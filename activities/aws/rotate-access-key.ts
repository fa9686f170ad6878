import type { Action } from '../../domain/action.ts';
import { typed } from '../failure.ts';
import { restartPermissions } from '../kubernetes/restart/permissions.ts';
import { grant, narrowToUser, users } from './containment/permissions.ts';
import { apply } from './rotate-access-key/apply.ts';
import { input, type Input } from './rotate-access-key/input.ts';
import { notCovered, plan } from './rotate-access-key/plan.ts';
import { undo } from './rotate-access-key/undo.ts';
import { verify } from './rotate-access-key/verify.ts';
import type { RotateOptions } from './rotate-access-key/world.ts';

const name = 'aws.rotate-access-key';

/** Replaces an access key of an IAM user: one new key, kept, proven and in use before the old one is made Inactive. */
export function rotateAccessKey(options: RotateOptions): Action<Input> {
  const kept = options.secrets.permissions?.('write', 'apply') ?? [];
  return {
    name,
    title: 'Rotate an access key of AWS',
    summary:
      'Makes a new access key for an IAM user, keeps it where its consumers read it, proves it by a call that IAM must authorise, restarts the workloads that take it, and then makes the old key ' +
      'Inactive. The new key is never shown. A user with two keys already is left as it is, with a choice.',
    effect: 'reversible',
    input,
    outputs: {
      type: 'object',
      required: ['oldKey', 'newKey', 'secret', 'restarted'],
      properties: {
        oldKey: { type: 'string', description: 'Id of the key that is Inactive now' },
        newKey: { type: 'string', description: 'Id of the new key' },
        secret: {
          type: 'string',
          description: 'Name of the secret that holds the new key',
          'x-secret': true,
        },
        restarted: { type: 'integer', description: 'Workloads that were restarted' },
      },
      additionalProperties: false,
    },
    narrow: narrowToUser('user'),
    permissions: [
      grant(
        'plan',
        ['iam:GetUser', 'iam:ListAccessKeys', 'iam:GetAccessKeyLastUsed'],
        [users],
        'whose key it is, which keys there are, and when they were used',
      ),
      ...(options.secrets.permissions?.('read', 'plan') ?? []),
      grant('apply', ['iam:CreateAccessKey'], [users], 'the new key'),
      grant('apply', ['iam:UpdateAccessKey'], [users], 'to make the old key Inactive'),
      grant(
        'apply',
        ['iam:DeleteAccessKey'],
        [users],
        'to remove a key of ours whose secret was lost with a worker',
      ),
      grant(
        'apply',
        ['cloudtrail:LookupEvents'],
        ['*'],
        'who made a key that appeared meanwhile; it takes no narrower resource',
      ),
      ...kept,
      ...(kept.some(({ system }) => system === 'kubernetes') ? restartPermissions : []),
    ],
    notCovered,
    timing: {
      planMs: 30_000,
      applyMs: 480_000,
      verifyMs: 300_000,
      undoMs: 480_000,
      heartbeatMs: 30_000,
      attempts: 5,
    },
    holds: false,
    plan: (context, request) => typed(() => plan(name, options, context, request)),
    apply: (context, mandate) => typed(() => apply(options, context, mandate)),
    verify: (context, mandate) => typed(() => verify(options, context, mandate)),
    undo: (context, mandate) => typed(() => undo(options, context, mandate)),
  };
}
