import { randomBytes } from 'node:crypto';
import { startApiServer, type ApiReply, type ApiRequest, type ApiServer } from './api-server.ts';
import { HarborRefusal, forbidden, notAllowed, notFound, unauthorized } from './harbor/replies.ts';
import { artifacts, push } from './harbor/artifacts.ts';
import { may } from './harbor/rights.ts';
import { robots } from './harbor/robots.ts';
import {
  canLogIn,
  newRobotSecret,
  type AuditEntry,
  type Caller,
  type HarborState,
  type Robot,
  type RobotPermission,
} from './harbor/state.ts';

export type { Robot } from './harbor/state.ts';

/** A Harbor on 127.0.0.1: robots, the audit log, the token service. docs/reference/testbed-forges.md says what it checks. */
export interface HarborTestbed extends ApiServer {
  state: HarborState;
  admin: { username: string; password: string };
  addUser(name: string, options?: { admin?: boolean }): { name: string; password: string };
  addRobot(
    name: string,
    options?: Partial<Pick<Robot, 'level' | 'permissions' | 'duration' | 'editable'>>,
  ): Robot;
  /** What a push would have written to the audit log. */
  addAudit(entry: Omit<AuditEntry, 'id'>): void;
  /** A push by a robot, as the registry would take it: answers the digest. @throws when its credentials or its rights do not suffice */
  push(robot: { name: string; secret: string }, repository: string, tag: string): string;
}

export async function startHarbor({ now = () => new Date() } = {}): Promise<HarborTestbed> {
  let last = 0;
  const state: HarborState = {
    now,
    users: [],
    robots: [],
    audit: [],
    artifacts: [],
    nextId: () => (last += 1),
  };
  const server = await startApiServer((request) => {
    try {
      return route(state, request);
    } catch (error) {
      if (error instanceof HarborRefusal) return error.reply;
      throw error;
    }
  });
  const addUser = (name: string, { admin = false } = {}) => {
    const user = { name, password: `Aa1${randomBytes(12).toString('hex')}`, admin };
    state.users.push(user);
    return user;
  };
  const { name: username, password } = addUser('admin', { admin: true });
  return {
    ...server,
    state,
    admin: { username, password },
    addUser,
    addRobot(name, options = {}) {
      const pull: RobotPermission = {
        kind: 'project',
        namespace: 'acme',
        access: [{ resource: 'repository', action: 'pull' }],
      };
      const robot: Robot = {
        id: state.nextId(),
        name: `robot$${name}`,
        description: '',
        level: 'system',
        duration: -1,
        editable: true,
        disable: false,
        permissions: [pull],
        created: now(),
        updated: now(),
        secret: newRobotSecret(),
        ...options,
      };
      state.robots.push(robot);
      return robot;
    },
    push: (robot, repository, tag) => push(state, robot, repository, tag),
    addAudit: (entry) => void state.audit.push({ id: state.nextId(), ...entry }),
  };
}

function route(state: HarborState, request: ApiRequest): ApiReply {
  const caller = authenticate(state, request);
  const [first, second, collection, ...rest] = request.parts;
  if (first === 'service' && second === 'token' && collection === undefined)
    return token(state, caller, request);
  if (first !== 'api' || second !== 'v2.0') throw notFound('path');
  if (collection === 'robots') return robots(state, caller, request, rest);
  if (collection === 'projects') return artifacts(state, caller, request, rest);
  if (collection === 'audit-logs' && rest.length === 0) return auditLogs(state, caller, request);
  throw notFound('path');
}

/** Basic authentication. Wrong credentials are those of nobody; the endpoint then refuses, as in Harbor. */
function authenticate({ users, robots: all, now }: HarborState, { headers }: ApiRequest): Caller {
  const encoded = /^Basic (\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (encoded === undefined) return { kind: 'nobody' };
  const [, name, password] =
    /^([^:]*):([\s\S]*)$/.exec(Buffer.from(encoded, 'base64').toString('utf8')) ?? [];
  const user = users.find((one) => one.name === name && one.password === password);
  if (user !== undefined) return { kind: 'user', name: user.name, admin: user.admin };
  const robot = all.find((one) => one.name === name && one.secret === password);
  if (robot === undefined || !canLogIn(robot, now())) return { kind: 'nobody' };
  return { kind: 'robot', name: robot.name, robot };
}

/** `src/core/service/token`: without a scope it is `docker login`, and refuses nobody. */
function token({ now }: HarborState, caller: Caller, { method, query }: ApiRequest): ApiReply {
  if (method !== 'GET') throw notAllowed(method);
  if (query.get('service') !== 'harbor-registry') throw notFound('service');
  if (caller.kind === 'nobody' && query.getAll('scope').length === 0) throw unauthorized();
  const value = randomBytes(24).toString('base64url');
  return {
    status: 200,
    body: { token: value, access_token: '', expires_in: 1_800, issued_at: now().toISOString() },
  };
}

/** `/audit-logs`: newest first; `q` is not read. */
function auditLogs(state: HarborState, caller: Caller, { method, query }: ApiRequest): ApiReply {
  if (method !== 'GET') throw notAllowed(method);
  if (caller.kind === 'nobody') throw unauthorized();
  if (!may(caller, 'audit-log', 'list')) throw forbidden();
  const size = Math.min(Number(query.get('page_size') ?? 10), 100);
  const page = Number(query.get('page') ?? 1);
  const all = state.audit.toReversed();
  return {
    status: 200,
    body: all.slice((page - 1) * size, page * size),
    headers: { 'x-total-count': String(all.length) },
  };
}
