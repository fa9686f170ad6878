import type { ApiReply, ApiRequest } from '../api-server.ts';
import { requireScope } from './authentication.ts';
import { forbidden, notAllowed, notFound } from './replies.ts';
import { LEVELS, levelOf, type Pipeline, type Resource, type Token } from './state.ts';
import { paged } from './tokens.ts';

const CANCELABLE = new Set([
  'created',
  'waiting_for_resource',
  'preparing',
  'pending',
  'running',
  'scheduled',
]);

/** `docs.gitlab.com/api/pipelines`: list, get, cancel; `parts` follow `pipelines`. */
export function pipelines(self: Token, project: Resource, request: ApiRequest, parts: string[]): ApiReply {
  const [id, verb, ...rest] = parts;
  const { method, query } = request;
  if (rest.length > 0 || (verb !== undefined && verb !== 'cancel')) throw notFound('');
  if (method !== (verb === undefined ? 'GET' : 'POST')) throw notAllowed();
  requireScope(self, 'api', ...(method === 'GET' ? ['read_api'] : []));
  if (id === undefined) {
    const status = query.get('status');
    const found = project.pipelines.filter((one) => status === null || one.status === status);
    return { status: 200, body: paged(found, query).map((one) => present(project, one)) };
  }
  const pipeline = project.pipelines.find((one) => String(one.id) === id);
  if (pipeline === undefined) throw notFound('');
  if (verb === 'cancel') {
    if (levelOf(self.user, project) < LEVELS.developer) throw forbidden();
    for (const job of pipeline.jobs) if (CANCELABLE.has(job.status)) job.status = 'canceled';
    if (CANCELABLE.has(pipeline.status)) pipeline.status = 'canceled';
  }
  return { status: 200, body: present(project, pipeline) };
}

/** `docs.gitlab.com/api/jobs`: get, cancel; `parts` follow `jobs`. */
export function jobs(self: Token, project: Resource, { method }: ApiRequest, parts: string[]): ApiReply {
  const [id, verb, ...rest] = parts;
  if (rest.length > 0 || id === undefined || (verb !== undefined && verb !== 'cancel')) throw notFound('');
  if (method !== (verb === undefined ? 'GET' : 'POST')) throw notAllowed();
  requireScope(self, 'api', ...(method === 'GET' ? ['read_api'] : []));
  const job = project.pipelines.flatMap((one) => one.jobs).find((one) => String(one.id) === id);
  if (job === undefined) throw notFound('');
  if (verb === undefined) return { status: 200, body: job };
  if (levelOf(self.user, project) < LEVELS.developer) throw forbidden();
  if (CANCELABLE.has(job.status)) job.status = 'canceled';
  return { status: 201, body: job };
}

function present({ id: projectId }: Resource, { id, status, ref }: Pipeline): Record<string, unknown> {
  return { id, project_id: projectId, status, ref, source: 'push' };
}
