import type { Action } from '../../domain/action.ts';
import type { AwsPermission, KubernetesPermission } from '../../domain/permission.ts';
import type { CallRecord } from '../../testbed/aws.ts';
import type { KubernetesRequest } from './audit-log.ts';

/** What permissions and calls disagree on; both empty when each statement is used, and nothing else was asked for. */
export interface Disagreement {
  /** Declared, and no call needed it: the tests pass without it. */
  unused: string[];
  /** Asked for, and not declared. */
  undeclared: string[];
}

type Declared = Pick<Action, 'permissions'>;

interface Right {
  action: string;
  resource: string;
}

function covers(one: Right, call: Right): boolean {
  return one.action === call.action && matches(one.resource, call.resource);
}

/** For these STS asks no policy of the caller. */
const free = new Set(['sts:GetCallerIdentity', 'sts:GetSessionToken']);

/**
 * Compares an action's permissions on AWS with the engine's calls in the action's own tests.
 * @param place what `${account}`, `${region}` and `${partition}` stand for
 */
export function awsPermissionsUsed(
  { permissions }: Declared,
  calls: readonly CallRecord[],
  place: { account: string; region: string; partition: string },
): Disagreement {
  const declared = permissions
    .filter((permission): permission is AwsPermission => permission.system === 'aws')
    .flatMap(({ actions, resources }) =>
      actions.flatMap((action) =>
        resources.map((resource) => ({ action, resource: filled(resource, place) })),
      ),
    );
  const asked = calls.flatMap(actionsOf).filter(({ action }) => !free.has(action));
  return {
    unused: unique(
      declared
        .filter((one) => !asked.some((call) => covers(one, call)))
        .map(({ action, resource }) => `${action} on ${resource}`),
    ),
    undeclared: unique(
      asked
        .filter((call) => !declared.some((one) => covers(one, call)))
        .map(({ action, resource }) => `${action} on ${resource}`),
    ),
  };
}

/** What a call asks of IAM: a secret that is made with tags is tagged too, https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html. */
function actionsOf({ service, action, resource = '*', parameters }: CallRecord): Right[] {
  const asked = [{ action: `${service}:${action}`, resource }];
  if (service === 'secretsmanager' && action === 'CreateSecret' && parameters['tags'] !== undefined)
    asked.push({ action: 'secretsmanager:TagResource', resource });
  return asked;
}

/** The calls that the engine made: those of sessions of its role. */
export function callsOf(calls: readonly CallRecord[], roleName: string): CallRecord[] {
  return calls.filter(({ caller }) => caller?.includes(`:assumed-role/${roleName}/`) ?? false);
}

/** The same action, and whatever is called while one of its verbs runs, however it ends. */
export function recorded(
  action: Action,
  calls: () => readonly CallRecord[],
): { action: Action; calls: CallRecord[] } {
  const own: CallRecord[] = [];
  const during = async <T>(verb: () => Promise<T>): Promise<T> => {
    const from = calls().length;
    try {
      return await verb();
    } finally {
      own.push(...calls().slice(from));
    }
  };
  return {
    action: {
      ...action,
      plan: (context, request) => during(() => action.plan(context, request)),
      apply: (context, mandate) => during(() => action.apply(context, mandate)),
      verify: (context, mandate) => during(() => action.verify(context, mandate)),
      undo: (context, mandate) => during(() => action.undo(context, mandate)),
    },
    calls: own,
  };
}

function filled(resource: string, place: { [name: string]: string }): string {
  return resource.replaceAll(/\$\{(account|region|partition)\}/g, (_, name: string) => place[name] ?? '');
}

/** As IAM matches a resource: `*` any text, `?` any character. */
function matches(pattern: string, text: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`).test(text);
}

function worded({ group, resource, verb, name }: Omit<KubernetesRequest, 'namespace'>): string {
  return `${verb} ${resource}${group === '' ? '' : `.${group}`}${name === undefined ? '' : `/${name}`}`;
}

/** What any authenticated user may ask about itself. */
const ofOneself = new Set(['selfsubjectaccessreviews', 'selfsubjectrulesreviews', 'selfsubjectreviews']);

/** Compares an action's RBAC with what the API server was asked for in the action's own tests. */
export function kubernetesPermissionsUsed(
  { permissions }: Declared,
  requests: readonly KubernetesRequest[],
): Disagreement {
  const declared = permissions
    .filter((permission): permission is KubernetesPermission => permission.system === 'kubernetes')
    .flatMap(({ apiGroups, resources, verbs, resourceNames = [undefined], namespace }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.flatMap((verb) => resourceNames.map((name) => ({ group, resource, verb, name, namespace }))),
        ),
      ),
    );
  const asked = requests.filter(({ resource }) => !ofOneself.has(resource));
  const permits = (one: (typeof declared)[number], request: KubernetesRequest) =>
    one.group === request.group &&
    one.resource === request.resource &&
    one.verb === request.verb &&
    (one.name === undefined || one.name === request.name) &&
    (one.namespace === undefined || one.namespace === request.namespace);
  return {
    unused: unique(declared.filter((one) => !requests.some((request) => permits(one, request))).map(worded)),
    undeclared: unique(asked.filter((request) => !declared.some((one) => permits(one, request))).map(worded)),
  };
}

function unique(lines: readonly string[]): string[] {
  return [...new Set(lines)].toSorted();
}
