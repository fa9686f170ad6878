import { randomBytes } from 'node:crypto';

/** `docs.gitlab.com/api/access_requests`: valid access levels. */
export const LEVELS = {
  guest: 10,
  planner: 15,
  reporter: 20,
  developer: 30,
  maintainer: 40,
  owner: 50,
} as const;

export interface User {
  id: number;
  username: string;
  admin: boolean;
  bot: boolean;
}

/** A project or a group: both have members, access tokens and variables. */
export interface Resource {
  kind: 'project' | 'group';
  id: number;
  path: string;
  /** Access level by user id. */
  members: Map<number, number>;
  variables: Variable[];
  pipelines: Pipeline[];
}

/** All access tokens are one kind of record in GitLab; those of projects and groups belong to a bot user of their own. */
export interface Token {
  id: number;
  name: string;
  description: string | null;
  user: User;
  scopes: string[];
  created: Date;
  /** `YYYY-MM-DD`. */
  expires: string | null;
  lastUsed: Date | null;
  revoked: boolean;
  value: string;
  /** The token that this one replaced: these links make a family. */
  previous: number | undefined;
  /** Whose access token it is; a personal one's is undefined. */
  resource: Resource | undefined;
}

export interface Runner {
  id: number;
  description: string;
  projects: Resource[];
  token: string;
  created: Date;
}

/** `docs.gitlab.com/api/project_level_variables`. */
export interface Variable {
  key: string;
  value: string;
  variable_type: 'env_var' | 'file';
  protected: boolean;
  masked: boolean;
  hidden: boolean;
  raw: boolean;
  environment_scope: string;
  description: string | null;
}

export interface Pipeline {
  id: number;
  status: string;
  ref: string;
  jobs: { id: number; name: string; status: string }[];
}

/** What the instance holds. */
export interface State {
  now: () => Date;
  users: User[];
  resources: Resource[];
  tokens: Token[];
  runners: Runner[];
  /** Ids of all sorts of records grow: a later record has the larger one. */
  nextId: () => number;
}

export function newState(now: () => Date): State {
  let last = 100;
  return { now, users: [], resources: [], tokens: [], runners: [], nextId: () => (last += 1) };
}

export function addUser(state: State, username: string, { admin = false, bot = false } = {}): User {
  const user: User = { id: state.nextId(), username, admin, bot };
  state.users.push(user);
  return user;
}

export function addToken(
  state: State,
  of: Pick<Token, 'name' | 'user' | 'scopes' | 'expires'> &
    Partial<Pick<Token, 'description' | 'previous' | 'resource'>>,
): Token {
  const token: Token = {
    description: null,
    previous: undefined,
    resource: undefined,
    ...of,
    id: state.nextId(),
    created: state.now(),
    lastUsed: null,
    revoked: false,
    value: `glpat-${randomBytes(15).toString('base64url')}`,
  };
  state.tokens.push(token);
  return token;
}

export function isExpired({ now }: State, { expires }: Token): boolean {
  return expires !== null && expires <= day(now());
}

export function isActive(state: State, token: Token): boolean {
  return !token.revoked && !isExpired(state, token);
}

/** `YYYY-MM-DD`, UTC. */
export function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** The token and all that follow it, or that it follows: `personal_access_tokens`, automatic reuse detection. */
export function family({ tokens }: State, token: Token): Token[] {
  const members = new Set([token]);
  for (let grown = true; grown;) {
    grown = false;
    for (const other of tokens) {
      const linked = [...members].some((one) => one.previous === other.id || other.previous === one.id);
      if (linked && !members.has(other)) {
        members.add(other);
        grown = true;
      }
    }
  }
  return [...members];
}

/** The level a user acts with. Administrators may do anything. */
export function levelOf(user: User, resource: Resource): number {
  return user.admin ? LEVELS.owner : (resource.members.get(user.id) ?? 0);
}
