import { isRecord, type ApiReply, type ApiRequest } from '../api-server.ts';
import { badRequest, forbidden, notAllowed, notFound, unauthorized, unprocessable } from './replies.ts';
import { may } from './rights.ts';
import { newRobotSecret, type Caller, type HarborState, type Robot } from './state.ts';

/** `/robots` and `/robots/{robot_id}` of Harbor's API description; `parts` follow `robots`. */
export function robots(state: HarborState, caller: Caller, request: ApiRequest, parts: string[]): ApiReply {
  const [id, ...rest] = parts;
  if (rest.length > 0) throw notFound('path');
  if (caller.kind === 'nobody') throw unauthorized();
  if (id === undefined) {
    if (request.method !== 'GET') throw notAllowed(request.method);
    if (!may(caller, 'robot', 'list')) throw forbidden();
    return { status: 200, body: state.robots.filter(({ level }) => level === 'system').map(present) };
  }
  if (!/^\d{1,15}$/.test(id)) throw unprocessable('robot_id in path must be of type int64');
  const robot = state.robots.find((one) => String(one.id) === id);
  if (robot === undefined) throw notFound(`robot ${id}`);
  switch (request.method) {
    case 'GET':
      if (!may(caller, 'robot', 'read')) throw forbidden();
      return { status: 200, body: present(robot) };
    case 'PUT':
      if (!may(caller, 'robot', 'update')) throw forbidden();
      update(robot, request.body);
      break;
    case 'PATCH': {
      if (!may(caller, 'robot', 'update')) throw forbidden();
      const secret = refresh(robot, request.body);
      record(state, caller, robot);
      // A secret that was given is not said again.
      return { status: 200, body: { secret } };
    }
    default:
      throw notAllowed(request.method);
  }
  record(state, caller, robot);
  return { status: 200 };
}

/** UpdateRobot: of a robot in the old form (not editable) only `disable` and `description`. */
function update(robot: Robot, body: unknown): void {
  const wanted = readRobot(body);
  if (robot.editable) {
    if (wanted.duration < -1) throw badRequest(`bad request error duration input: ${wanted.duration}`);
    if (wanted.permissions.length === 0) throw badRequest('bad request empty permission');
    if (wanted.permissions.some(({ access }) => access.length === 0))
      throw badRequest('bad request empty access');
    if (wanted.level !== robot.level || wanted.name !== robot.name)
      throw badRequest('cannot update the level or name of robot');
    // 0: as the system is configured, 30 days unless told.
    robot.duration = wanted.duration === 0 ? 30 : wanted.duration;
    robot.permissions = wanted.permissions;
  }
  robot.disable = wanted.disable;
  robot.description = wanted.description;
}

type Wanted = Pick<Robot, 'name' | 'description' | 'duration' | 'disable' | 'permissions'> & {
  level: string;
};

/** What is absent has Go's zero value, as in Harbor: a body without `disable` enables. @throws 422 for a wrong type */
function readRobot(body: unknown): Wanted {
  if (!isRecord(body)) throw unprocessable('robot in body is required');
  const text = (key: string) => {
    const value = body[key] ?? '';
    if (typeof value !== 'string') throw unprocessable(`${key} in body must be of type string`);
    return value;
  };
  const { duration = 0, disable = false, permissions = [] } = body;
  if (typeof duration !== 'number' || !Number.isInteger(duration))
    throw unprocessable('duration in body must be of type int64');
  if (typeof disable !== 'boolean') throw unprocessable('disable in body must be of type boolean');
  if (!Array.isArray(permissions)) throw unprocessable('permissions in body must be of type array');
  return {
    name: text('name'),
    description: text('description'),
    level: text('level'),
    duration,
    disable,
    permissions: permissions.map(readPermission),
  };
}

function readPermission(value: unknown): Robot['permissions'][number] {
  if (!isRecord(value) || !Array.isArray(value['access']))
    throw unprocessable('permissions in body is invalid');
  const { kind, namespace } = value;
  if ((kind !== 'system' && kind !== 'project') || typeof namespace !== 'string')
    throw unprocessable('permissions in body is invalid');
  const access = value['access'].map((one: unknown) => {
    if (!isRecord(one) || typeof one['resource'] !== 'string' || typeof one['action'] !== 'string')
      throw unprocessable('access in body is invalid');
    return { resource: one['resource'], action: one['action'] };
  });
  return { kind, namespace, access };
}

/** RefreshSec: the secret that is given, or a new one. Says only the latter. */
function refresh(robot: Robot, body: unknown): string {
  if (!isRecord(body)) throw unprocessable('robotSec in body is required');
  const { secret = '' } = body;
  if (typeof secret !== 'string') throw unprocessable('secret in body must be of type string');
  if (secret === '') {
    robot.secret = newRobotSecret();
    return robot.secret;
  }
  const fits =
    secret.length >= 8 &&
    secret.length <= 128 &&
    /[a-z]/.test(secret) &&
    /[A-Z]/.test(secret) &&
    /\d/.test(secret);
  if (!fits)
    throw badRequest(
      'the secret must be 8-128, inclusively, characters long with at least 1 uppercase letter, 1 lowercase letter and 1 number',
    );
  robot.secret = secret;
  return '';
}

function record(state: HarborState, caller: Caller, robot: Robot): void {
  robot.updated = state.now();
  state.audit.push({
    id: state.nextId(),
    username: caller.kind === 'nobody' ? '' : caller.name,
    resource: robot.name,
    resource_type: 'robot',
    operation: 'update',
    op_time: state.now().toISOString(),
  });
}

/** Never with its secret. */
function present({ created, updated, secret: _secret, ...robot }: Robot): Record<string, unknown> {
  return {
    ...robot,
    expires_at: robot.duration < 0 ? -1 : Math.floor(created.getTime() / 1000) + robot.duration * 86_400,
    creation_time: created.toISOString(),
    update_time: updated.toISOString(),
  };
}
