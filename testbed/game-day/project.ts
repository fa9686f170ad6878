import { startGitLab, LEVELS, type GitLabTestbed } from '../gitlab.ts';
import { startHarbor, type HarborTestbed, type Robot } from '../harbor.ts';

/** As the configuration and the rehearsals name them. */
const forgeName = 'gitlab';
const registryName = 'harbor';
/** The project whose CI leaks, and its variable with the robot's password, in one environment. */
const project = 'acme/shop';
const variable = { key: 'REGISTRY_PASSWORD', environment_scope: 'production' };
/** What the robot pushes to. */
export const harborProject = 'shop';

/** What a part adds to the configuration, and what must be in no record. */
interface Configured {
  /** Of `forges` or `registries`. */
  entry: object;
  env: { [name: string]: string };
  secrets: { [name: string]: string };
}

export interface Project extends Configured {
  gitlab: GitLabTestbed;
  token: { id: number; value: string };
  runner: { id: number; token: string };
  /** Puts a value where jobs find it, masked. */
  setVariable(value: string): void;
}

/** A GitLab with one project: an access token, a runner, and the engine as its Maintainer. */
export async function startProject(ending: (() => Promise<void>)[]): Promise<Project> {
  const gitlab = await startGitLab();
  ending.push(() => gitlab.stop());
  const engine = gitlab.addUser('engine');
  const shop = gitlab.addResource('project', project, [[engine, LEVELS.maintainer]]);
  const { value: own } = gitlab.addPersonalToken(engine, ['api'], 'firebreak');
  return {
    gitlab,
    token: gitlab.addAccessToken(shop, ['read_api', 'write_repository'], { name: 'ci' }),
    runner: gitlab.addRunner([shop]),
    setVariable: (value) =>
      void gitlab.addVariable(shop, { ...variable, value, masked: true, protected: true }),
    entry: {
      name: forgeName,
      environment: 'production',
      kind: 'gitlab',
      url: gitlab.url,
      token: { env: 'ENGINE_GITLAB_TOKEN' },
    },
    env: { ENGINE_GITLAB_TOKEN: own },
    secrets: { "the engine's GitLab token": own },
  };
}

export interface Images extends Configured {
  harbor: HarborTestbed;
  /** That CI pushes as. */
  robot: Robot;
}

/** A Harbor with a robot for CI, and one for the engine that may do exactly what the pages of its actions say. */
export async function startImages(ending: (() => Promise<void>)[]): Promise<Images> {
  const harbor = await startHarbor();
  ending.push(() => harbor.stop());
  const robot = harbor.addRobot('ci', {
    permissions: [
      {
        kind: 'project',
        namespace: harborProject,
        access: [
          { resource: 'repository', action: 'pull' },
          { resource: 'repository', action: 'push' },
        ],
      },
    ],
  });
  const engine = harbor.addRobot('firebreak', {
    permissions: [
      {
        kind: 'system',
        namespace: '/',
        access: [
          { resource: 'robot', action: 'read' },
          { resource: 'robot', action: 'update' },
          { resource: 'audit-log', action: 'list' },
        ],
      },
      { kind: 'project', namespace: '*', access: [{ resource: 'artifact', action: 'list' }] },
    ],
  });
  return {
    harbor,
    robot,
    entry: {
      name: registryName,
      environment: 'production',
      kind: 'harbor',
      url: harbor.url,
      username: engine.name,
      password: { env: 'ENGINE_HARBOR_PASSWORD' },
    },
    env: { ENGINE_HARBOR_PASSWORD: engine.secret },
    secrets: { "the engine's password in Harbor": engine.secret },
  };
}
