import type { ApiReply } from '../api-server.ts';

/** Ends a request with a documented error: `docs.gitlab.com/api/rest/troubleshooting`. */
export class Refusal extends Error {
  readonly reply: ApiReply;

  constructor(reply: ApiReply) {
    super(`refused with ${reply.status}`);
    this.reply = reply;
  }
}

export const unauthorized = () => new Refusal({ status: 401, body: { message: '401 Unauthorized' } });
export const forbidden = () => new Refusal({ status: 403, body: { message: '403 Forbidden' } });
export const notFound = (what: string) =>
  new Refusal({ status: 404, body: { message: `404 ${what} Not Found` } });
export const badRequest = (why: string) =>
  new Refusal({ status: 400, body: { message: `400 Bad request - ${why}` } });
/** A parameter is missing or has the wrong type. */
export const badParameter = (why: string) => new Refusal({ status: 400, body: { error: why } });
/** A record refuses its fields. */
export const invalid = (fields: Record<string, string[]>) =>
  new Refusal({ status: 400, body: { message: fields } });
export const notAllowed = () => new Refusal({ status: 405, body: { error: '405 Not Allowed' } });
