import { createHash, randomUUID } from 'node:crypto';
import type { ApiReply, ApiRequest } from '../api-server.ts';
import { forbidden, notAllowed, notFound, unauthorized } from './replies.ts';
import { may } from './rights.ts';
import { canLogIn, type Caller, type HarborState } from './state.ts';

/** `/projects/{project_name}/repositories/{repository_name}/artifacts`; `parts` follow `projects`. `q` is not read. */
export function artifacts(
  state: HarborState,
  caller: Caller,
  { method, query }: ApiRequest,
  [project = '', repositories, name = '', what, ...rest]: string[],
): ApiReply {
  if (repositories !== 'repositories' || what !== 'artifacts' || rest.length > 0) throw notFound('path');
  if (method !== 'GET') throw notAllowed(method);
  if (caller.kind === 'nobody') throw unauthorized();
  if (!may(caller, 'artifact', 'list', project)) throw forbidden();
  // Encoded twice, so that a slash in it is none of the path.
  const repository = `${project}/${decodeURIComponent(name)}`;
  const all = state.artifacts.filter((one) => one.repository === repository);
  if (all.length === 0) throw notFound(`repository ${repository}`);
  const size = Math.min(Number(query.get('page_size') ?? 10), 100);
  const page = Number(query.get('page') ?? 1);
  return {
    status: 200,
    body: all.slice((page - 1) * size, page * size).map(({ digest, tag, pushed }) => ({
      digest,
      push_time: pushed.toISOString(),
      tags: [{ name: tag, push_time: pushed.toISOString() }],
    })),
  };
}

/**
 * What a push by tag leaves behind: an artifact, and an entry of the audit log that names the tag and not the digest.
 * @returns the digest
 * @throws as the registry would, for wrong credentials, and for a robot without the right
 */
export function push(
  state: HarborState,
  { name, secret }: { name: string; secret: string },
  repository: string,
  tag: string,
): string {
  const robot = state.robots.find((one) => one.name === name && one.secret === secret);
  if (robot === undefined || !canLogIn(robot, state.now())) throw unauthorized();
  const project = repository.split('/')[0] ?? '';
  if (!may({ kind: 'robot', name, robot }, 'repository', 'push', project)) throw forbidden();
  const pushed = state.now();
  const digest = `sha256:${createHash('sha256').update(randomUUID()).digest('hex')}`;
  state.artifacts.push({ repository, tag, digest, pushed });
  state.audit.push({
    id: state.nextId(),
    username: name,
    resource: `${repository}:${tag}`,
    resource_type: 'artifact',
    operation: 'create',
    op_time: pushed.toISOString(),
  });
  return digest;
}
