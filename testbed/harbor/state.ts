import { randomBytes } from 'node:crypto';

/** `Access` and `RobotPermission` of Harbor's API description. */
export interface RobotPermission {
  kind: 'system' | 'project';
  namespace: string;
  access: { resource: string; action: string; effect?: string }[];
}

export interface Robot {
  id: number;
  /** With its prefix, as it logs in: `robot$acme+deployer`. */
  name: string;
  description: string;
  level: 'system' | 'project';
  /** Days; -1: for ever. */
  duration: number;
  editable: boolean;
  disable: boolean;
  permissions: RobotPermission[];
  created: Date;
  updated: Date;
  secret: string;
}

/** `AuditLog` of Harbor's API description. */
export interface AuditEntry {
  id: number;
  username: string;
  resource: string;
  resource_type: string;
  operation: string;
  op_time: string;
}

/** As much of an artifact as is kept: nothing can be pulled. */
export interface Artifact {
  /** With its project. */
  repository: string;
  tag: string;
  digest: string;
  pushed: Date;
}

export interface HarborState {
  now: () => Date;
  /** Local users: name, password, whether a system administrator. */
  users: { name: string; password: string; admin: boolean }[];
  robots: Robot[];
  audit: AuditEntry[];
  artifacts: Artifact[];
  nextId: () => number;
}

/** As Harbor makes one: 32 characters of letters and digits, which satisfy its own rule. */
export function newRobotSecret(): string {
  return `Aa1${randomBytes(20).toString('hex').slice(0, 29)}`;
}

/** Who logs in: a user, a robot, or nobody. */
export type Caller =
  | { kind: 'user'; name: string; admin: boolean }
  | { kind: 'robot'; name: string; robot: Robot }
  | { kind: 'nobody' };

export function canLogIn(robot: Robot, now: Date): boolean {
  const expires =
    robot.duration < 0 ? Number.POSITIVE_INFINITY : robot.created.getTime() + robot.duration * 86_400_000;
  return !robot.disable && expires > now.getTime();
}
