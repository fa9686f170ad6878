import { FirebreakError } from '../domain/errors.ts';

/**
 * A call that is refused, as its caller is told (RFC 9457). `detail` names the field and the fix and holds no secret;
 * the codes are listed in docs/reference/errors.md.
 */
export class Problem extends FirebreakError {
  readonly status: number;
  readonly detail: string;
  /** Seconds after which the same call may succeed. */
  readonly retryAfter: number | undefined;
  /** The incident this is about, when there is one. */
  readonly incident: string | undefined;
  /** The answer this is about, when it is about one: a form shows it there. */
  readonly answer: string | undefined;

  constructor(
    status: number,
    code: string,
    detail: string,
    more: { retryAfter?: number; incident?: string; answer?: string; cause?: unknown } = {},
  ) {
    super(code, detail, {}, more.cause);
    this.status = status;
    this.detail = detail;
    this.retryAfter = more.retryAfter;
    this.incident = more.incident;
    this.answer = more.answer;
  }
}
