export type JsonObject = { [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As fine-grained tokens and Apps have them: docs.github.com/rest/authentication/permissions-required-for-fine-grained-personal-access-tokens. */
export type Permissions = { [permission: string]: 'read' | 'write' };

/** What GitHub tells tokens apart by, their prefix: github.blog/engineering/behind-githubs-new-authentication-token-formats. */
export type TokenKind = 'ghp' | 'github_pat' | 'gho' | 'ghu' | 'ghs' | 'ghr';

export interface TokenSpec {
  kind?: TokenKind;
  /** Whom it acts as. */
  login: string;
  /** `owner/name`; all unless told. */
  repositories?: readonly string[];
  /** Everything unless told, as a classic token of an owner. */
  permissions?: Permissions;
  /** Of the OAuth App that it was issued to. */
  clientId?: string;
}

export interface RunSpec {
  repository: string;
  /** File name. */
  workflow: string;
  /** `in_progress` unless told. */
  status?: 'queued' | 'in_progress' | 'waiting' | 'pending' | 'requested' | 'completed';
  branch?: string;
  /** The owner unless told. */
  actor?: string;
  createdAt?: Date;
  /** How long a cancelled run goes on. */
  cancelMs?: number;
  /** A step with `if: always()` keeps it running: only force-cancel ends it. */
  ignoresCancel?: boolean;
}

/** What was asked of GitHub; neither credentials nor bodies are kept. */
export interface CallRecord {
  /** As the API description has it: `PUT /repos/{owner}/{repo}/actions/secrets/{secret_name}`. */
  operation: string;
  url: string;
  status: number;
  at: number;
}

/** An answer of GitHub that is no success. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly headers: Record<string, string>;

  constructor(status: number, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

export const notFound = (): Refusal => new Refusal(404, 'Not Found');

export interface Answer {
  status: number;
  body?: unknown;
  /** It holds an account or a repository of npm `emulate`'s, or a run of ours, which lack fields: only what is there is judged. */
  partial?: true;
}
