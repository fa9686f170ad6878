import { GetUserCommand } from '@aws-sdk/client-iam';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { DescribeSecretCommand } from '@aws-sdk/client-secrets-manager';
import { AssumeRoleCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import type { Claim } from '../../../domain/action.ts';
import { Secret } from '../../../domain/secret.ts';
import type { AwsClients, AwsCredential } from '../accounts.ts';
import { untilEffective } from '../containment/measure.ts';
import { isAwsError } from '../errors.ts';
import type { Input } from './input.ts';
import type { World } from './world.ts';

/** Tries a key until IAM knows it everywhere: it is valid, the user's, and allowed the check. */
export function provesAllowed(world: World, credential: AwsCredential): Promise<Claim> {
  const { check } = world.mandate.input;
  const id = credential.accessKeyId;
  const claim =
    check === 'none' ? `key ${id} is valid` : `key ${id} is valid, and ${check} is allowed with it`;
  return untilEffective(world.context, claim, async () => {
    const clients = world.account.clientsWith(credential);
    try {
      const problem = await identify(world, clients);
      if (problem !== undefined) return { ended: true, verdict: 'failed', detail: problem };
      await call(clients, world.mandate.input, world.context.signal);
    } catch (error) {
      if (!isAwsError(error, 'unauthenticated', 'forbidden', 'gone')) throw error;
      return { ended: false, verdict: 'failed', detail: `AWS answers ${error.name}` };
    }
    const detail =
      check === 'none'
        ? 'sts:GetCallerIdentity takes it, which says nothing of its rights'
        : 'AWS allowed it';
    return { ended: true, verdict: 'verified', detail };
  });
}

/** Tries a key until AWS does not take it any more. */
export function provesRefused(world: World, credential: AwsCredential): Promise<Claim> {
  return untilEffective(world.context, `key ${credential.accessKeyId} is refused`, async () => {
    try {
      await identify(world, world.account.clientsWith(credential));
    } catch (error) {
      if (!isAwsError(error, 'unauthenticated')) throw error;
      return { ended: true, verdict: 'verified', detail: `sts:GetCallerIdentity with it got ${error.name}` };
    }
    return { ended: false, verdict: 'failed', detail: 'sts:GetCallerIdentity still takes it' };
  });
}

/** Whose key it is; a text when it is not the user's. */
async function identify({ user, context }: World, { sts }: AwsClients): Promise<string | undefined> {
  const { Arn = 'nobody' } = await sts.send(new GetCallerIdentityCommand({}), {
    abortSignal: context.signal,
  });
  return Arn === user.arn ? undefined : `it is a key of ${Arn}`;
}

async function call(
  { iam, sts, secretsManager, lambda }: AwsClients,
  { check, checkOn = '' }: Input,
  abortSignal: AbortSignal,
): Promise<void> {
  const options = { abortSignal };
  switch (check) {
    case 'iam:GetUser':
      await iam.send(new GetUserCommand({}), options);
      return;
    case 'sts:AssumeRole': {
      const request = new AssumeRoleCommand({
        RoleArn: checkOn,
        RoleSessionName: 'firebreak-check',
        DurationSeconds: 900,
      });
      const { Credentials: session } = await sts.send(request, options);
      // Never used, and known to the redaction.
      for (const value of [session?.SecretAccessKey, session?.SessionToken])
        new Secret(value ?? 'none').toString();
      return;
    }
    case 'secretsmanager:DescribeSecret':
      await secretsManager.send(new DescribeSecretCommand({ SecretId: checkOn }), options);
      return;
    case 'lambda:GetFunctionConfiguration':
      await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: checkOn }), options);
      return;
    case 'none':
  }
}
