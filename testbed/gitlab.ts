import { startApiServer, type ApiReply, type ApiRequest, type ApiServer } from './api-server.ts';
import { accessTokens } from './gitlab/access-tokens.ts';
import { authenticate } from './gitlab/authentication.ts';
import { personalTokens } from './gitlab/personal-tokens.ts';
import { jobs, pipelines } from './gitlab/pipelines.ts';
import { notFound, Refusal } from './gitlab/replies.ts';
import { newRunnerToken, runners, verifyRunner } from './gitlab/runners.ts';
import {
  addToken,
  addUser,
  levelOf,
  newState,
  type Pipeline,
  type Resource,
  type Runner,
  type State,
  type Token,
  type User,
  type Variable,
} from './gitlab/state.ts';
import { inDays } from './gitlab/tokens.ts';
import { variables } from './gitlab/variables.ts';

export { LEVELS } from './gitlab/state.ts';
export type { Resource, Token, Variable } from './gitlab/state.ts';

/** A GitLab instance on 127.0.0.1: tokens, runners, variables, pipelines. docs/reference/testbed-forges.md says what it checks. */
export interface GitLabTestbed extends ApiServer {
  /** Its records, to look at and to alter as another person would. */
  state: State;
  addUser(username: string, options?: { admin?: boolean }): User;
  addResource(kind: Resource['kind'], path: string, members?: [User, number][]): Resource;
  addPersonalToken(user: User, scopes: string[], name?: string): Token;
  /** With a bot user of its own, who has `level` in the resource. */
  addAccessToken(resource: Resource, scopes: string[], options?: { name?: string; level?: number }): Token;
  addRunner(projects: Resource[]): Runner;
  addVariable(resource: Resource, variable: Partial<Variable> & Pick<Variable, 'key' | 'value'>): Variable;
  addPipeline(project: Resource, jobs: string[]): Pipeline;
}

export async function startGitLab({ now = () => new Date() } = {}): Promise<GitLabTestbed> {
  const state = newState(now);
  const server = await startApiServer((request) => {
    try {
      return route(state, request);
    } catch (error) {
      if (error instanceof Refusal) return error.reply;
      throw error;
    }
  });
  return {
    ...server,
    state,
    addUser: (username, options) => addUser(state, username, options),
    addResource(kind, path, members = []) {
      const resource: Resource = {
        kind,
        id: state.nextId(),
        path,
        members: new Map(members.map(([user, level]) => [user.id, level])),
        variables: [],
        pipelines: [],
      };
      state.resources.push(resource);
      return resource;
    },
    addPersonalToken: (user, scopes, name = 'personal') =>
      addToken(state, { name, user, scopes, expires: inDays(state, 90) }),
    addAccessToken(resource, scopes, { name = 'deploy', level = 30 } = {}) {
      const user = addUser(state, `${resource.kind}_${resource.id}_bot`, { bot: true });
      resource.members.set(user.id, level);
      return addToken(state, { name, user, scopes, resource, expires: inDays(state, 90) });
    },
    addRunner(projects) {
      const runner = {
        id: state.nextId(),
        description: 'runner',
        projects,
        token: newRunnerToken(),
        created: now(),
      };
      state.runners.push(runner);
      return runner;
    },
    addVariable(resource, variable) {
      const whole: Variable = {
        variable_type: 'env_var',
        protected: false,
        masked: false,
        hidden: false,
        raw: false,
        environment_scope: '*',
        description: null,
        ...variable,
      };
      resource.variables.push(whole);
      return whole;
    },
    addPipeline(project, names) {
      const pipeline: Pipeline = {
        id: state.nextId(),
        status: 'running',
        ref: 'main',
        jobs: names.map((name) => ({ id: state.nextId(), name, status: 'running' })),
      };
      project.pipelines.push(pipeline);
      return pipeline;
    },
  };
}

function route(state: State, request: ApiRequest): ApiReply {
  const [api, version, collection, ...parts] = request.parts;
  if (api !== 'api' || version !== 'v4') throw notFound('');
  // The one endpoint whose credential is in its body.
  if (collection === 'runners' && parts.length === 1 && parts[0] === 'verify')
    return verifyRunner(state, request);
  const self = authenticate(state, request);
  if (collection === 'personal_access_tokens') return personalTokens(state, self, request, parts);
  if (collection === 'runners') return runners(state, self, request, parts);
  if (collection !== 'projects' && collection !== 'groups') throw notFound('');
  const kind = collection === 'projects' ? 'project' : 'group';
  const [id, what, ...rest] = parts;
  const resource = state.resources.find(
    (one) => one.kind === kind && (String(one.id) === id || one.path === id),
  );
  // What one may not see does not exist.
  if (resource === undefined || levelOf(self.user, resource) === 0)
    throw notFound(kind === 'project' ? 'Project' : 'Group');
  switch (what) {
    case undefined:
      return {
        status: 200,
        body: { id: resource.id, path_with_namespace: resource.path, full_path: resource.path },
      };
    case 'access_tokens':
      return accessTokens(state, self, resource, request, rest);
    case 'variables':
      return variables(self, resource, request, rest);
    case 'pipelines':
      if (kind === 'project') return pipelines(self, resource, request, rest);
      throw notFound('');
    case 'jobs':
      if (kind === 'project') return jobs(self, resource, request, rest);
      throw notFound('');
    default:
      throw notFound('');
  }
}
