import type { ApiReply, ApiRequest } from '../api-server.ts';
import { requireScope } from './authentication.ts';
import { Parameters } from './parameters.ts';
import { badParameter, forbidden, invalid, notAllowed, notFound, Refusal } from './replies.ts';
import { LEVELS, levelOf, type Resource, type Token, type Variable } from './state.ts';
import { paged } from './tokens.ts';

/** `docs.gitlab.com/ci/variables`, mask a variable: what may be masked when the value is expanded, and when it is not. */
const MASKABLE = /^[a-zA-Z0-9_+=/@:.~-]{8,}$/;
const MASKABLE_RAW = /^\S{8,}$/;

/** `docs.gitlab.com/api/project_level_variables` and `…/group_level_variables`; `parts` follow `variables`. */
export function variables(
  self: Token,
  resource: Resource,
  request: ApiRequest,
  [key, ...rest]: string[],
): ApiReply {
  const { method, query } = request;
  if (rest.length > 0) throw notFound('');
  requireScope(self, 'api', ...(method === 'GET' ? ['read_api'] : []));
  const needed = resource.kind === 'group' ? LEVELS.owner : LEVELS.maintainer;
  if (levelOf(self.user, resource) < needed) throw forbidden();
  if (key === undefined) {
    if (method === 'GET') return { status: 200, body: paged(resource.variables, query).map(present) };
    if (method === 'POST') return { status: 201, body: present(create(resource, new Parameters(request))) };
    throw notAllowed();
  }
  const variable = find(resource, key, query.get('filter[environment_scope]'));
  switch (method) {
    case 'GET':
      return { status: 200, body: present(variable) };
    case 'PUT':
      return { status: 200, body: present(update(resource, variable, new Parameters(request))) };
    case 'DELETE':
      resource.variables = resource.variables.filter((one) => one !== variable);
      return { status: 204 };
    default:
      throw notAllowed();
  }
}

/** A hidden variable's value is never shown again. */
function present(variable: Variable): Record<string, unknown> {
  return { ...variable, value: variable.hidden ? null : variable.value };
}

/** @throws Refusal 404, and 409 when several have the key and no scope tells them apart */
function find({ variables: all }: Resource, key: string, scope: string | null): Variable {
  const found = all.filter((one) => one.key === key && (scope === null || one.environment_scope === scope));
  if (found.length > 1) {
    const message =
      "There are multiple variables with provided parameters. Please use 'filter[environment_scope]'.";
    throw new Refusal({ status: 409, body: { message } });
  }
  const [only] = found;
  if (only === undefined) throw notFound('Variable');
  return only;
}

function create(resource: Resource, parameters: Parameters): Variable {
  const hidden = parameters.optional('masked_and_hidden', 'boolean') ?? false;
  const variable: Variable = {
    key: parameters.required('key', 'string'),
    value: parameters.required('value', 'string'),
    variable_type: typeOf(parameters) ?? 'env_var',
    protected: parameters.optional('protected', 'boolean') ?? false,
    masked: hidden || (parameters.optional('masked', 'boolean') ?? false),
    hidden,
    raw: parameters.optional('raw', 'boolean') ?? false,
    environment_scope: parameters.optional('environment_scope', 'string') ?? '*',
    description: parameters.optional('description', 'string') ?? null,
  };
  check(resource, variable);
  resource.variables.push(variable);
  return variable;
}

function update(resource: Resource, variable: Variable, parameters: Parameters): Variable {
  const masked = parameters.optional('masked', 'boolean') ?? variable.masked;
  if (variable.hidden && masked !== variable.masked)
    throw invalid({ base: ['The visibility setting cannot be changed for masked and hidden variables.'] });
  const changed: Variable = {
    ...variable,
    value: parameters.optional('value', 'string') ?? variable.value,
    variable_type: typeOf(parameters) ?? variable.variable_type,
    protected: parameters.optional('protected', 'boolean') ?? variable.protected,
    masked,
    raw: parameters.optional('raw', 'boolean') ?? variable.raw,
    environment_scope: parameters.optional('environment_scope', 'string') ?? variable.environment_scope,
    description: parameters.optional('description', 'string') ?? variable.description,
  };
  check(resource, changed, variable);
  return Object.assign(variable, changed);
}

function typeOf(parameters: Parameters): Variable['variable_type'] | undefined {
  const type = parameters.optional('variable_type', 'string');
  if (type === undefined || type === 'env_var' || type === 'file') return type;
  throw badParameter('variable_type does not have a valid value');
}

function check({ variables: all }: Resource, variable: Variable, old?: Variable): void {
  const { key, value, masked, raw, environment_scope: scope } = variable;
  if (!/^\w{1,255}$/.test(key)) throw invalid({ key: ["can contain only letters, digits and '_'."] });
  if (all.some((one) => one !== old && one.key === key && one.environment_scope === scope))
    throw invalid({ key: [`(${key}) has already been taken`] });
  if (masked && !(raw ? MASKABLE_RAW : MASKABLE).test(value)) throw invalid({ value: ['is invalid'] });
}
