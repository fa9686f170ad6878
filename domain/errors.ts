/**
 * An error a person can act on. `code` is numbered and never reused (docs/reference/errors.md lists them): FB1xxx gateway, FB2xxx playbook
 * language, FB3xxx actions and guardrails, FB4xxx workflow, FB5xxx audit, FB6xxx configuration and command line.
 * `message` names the field and the fix, and never holds a secret.
 */
export class FirebreakError extends Error {
  override readonly name = 'FirebreakError';
  readonly code: string;
  readonly details: { [key: string]: string | number | boolean };

  constructor(
    code: string,
    message: string,
    details: { [key: string]: string | number | boolean } = {},
    cause?: unknown,
  ) {
    super(`${code}: ${message}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }
}

/** The system's code of an error (`ENOENT`, `ECONNREFUSED` …), for a message; `unknown error` when it has none. */
export function systemCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown error';
}
