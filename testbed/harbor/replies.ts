import type { ApiReply } from '../api-server.ts';

/** Ends a request with an error as Harbor's API description has it (`Errors`). */
export class HarborRefusal extends Error {
  readonly reply: ApiReply;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.reply = { status, body: { errors: [{ code, message }] } };
  }
}

export const unauthorized = () => new HarborRefusal(401, 'UNAUTHORIZED', 'unauthorized');
export const forbidden = () => new HarborRefusal(403, 'FORBIDDEN', 'forbidden');
export const badRequest = (why: string) => new HarborRefusal(400, 'BAD_REQUEST', why);
export const notFound = (what: string) => new HarborRefusal(404, 'NOT_FOUND', `${what} not found`);
/** A body that does not fit the description. */
export const unprocessable = (why: string) => new HarborRefusal(422, 'UNPROCESSABLE_ENTITY', why);
export const notAllowed = (method: string) =>
  new HarborRefusal(405, 'METHOD_NOT_ALLOWED', `method ${method} is not allowed`);
