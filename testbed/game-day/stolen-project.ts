import type { Beside } from './beside.ts';
import { letIn } from './let-in.ts';
import { harborProject } from './project.ts';
import type { Stolen } from './rehearsal.ts';
import type { Credential } from './stolen.ts';

type Of<K extends Stolen['kind']> = Extract<Stolen, { kind: K }>;

/** @throws when what a credential is stolen from is not there */
function there<T>(part: T | undefined, name: string): T {
  if (part !== undefined) return part;
  throw new Error(`a credential of ${name} is stolen where there is none: add beside: [${name}]`);
}

async function status(url: string, init: RequestInit): Promise<number> {
  const answer = await fetch(url, init);
  await answer.arrayBuffer();
  return answer.status;
}

/** An access token of the project. */
export async function gitLabToken(
  { project, vault }: Beside,
  { secret }: Of<'gitlab-token'>,
): Promise<Credential> {
  const { gitlab, token } = there(project, 'gitlab');
  const { id, value } = token;
  await vault.put(secret, value);
  const self = `${gitlab.url}/api/v4/personal_access_tokens/self`;
  return {
    what: 'an access token of acme/shop',
    id,
    value,
    works: async () => letIn('GitLab', await status(self, { headers: { 'private-token': value } })),
  };
}

/** With it, its thief is given the project's jobs. */
export async function runnerToken(
  { project, vault }: Beside,
  { secret }: Of<'runner-token'>,
): Promise<Credential> {
  const { gitlab, runner } = there(project, 'gitlab');
  const { id, token: value } = runner;
  await vault.put(secret, value);
  const verify = `${gitlab.url}/api/v4/runners/verify`;
  const asRunner = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: value }),
  };
  return {
    what: 'the token of the runner of acme/shop',
    id,
    value,
    works: async () => letIn('GitLab', await status(verify, asRunner), 403),
  };
}

/** What CI pushes with; a variable of the project holds it, where there is one. */
export async function robotSecret(
  { project, images, vault }: Beside,
  { secret, pushes }: Of<'robot-secret'>,
): Promise<Credential> {
  const { harbor, robot } = there(images, 'harbor');
  const { id, name, secret: value } = robot;
  await vault.put(secret, value);
  project?.setVariable(value);
  const logIn = `${harbor.url}/service/token?service=harbor-registry`;
  const authorization = `Basic ${Buffer.from(`${name}:${value}`).toString('base64')}`;
  return {
    what: "the password of Harbor's robot ci",
    id,
    value,
    works: async () => letIn('Harbor', await status(logIn, { headers: { authorization } })),
    // To a repository each: Harbor tells of a push's tag, and two pushes within seconds cannot be told apart.
    use: () =>
      Promise.resolve(
        Array.from({ length: pushes }, (_, n) =>
          harbor.push({ name, secret: value }, `${harborProject}/web-${n + 1}`, '1.4.3'),
        ),
      ),
  };
}
