import { randomBytes } from 'node:crypto';
import { fastify } from 'fastify';
import { expect, test } from '@jest/globals';
import type { AccessLog } from '../../../domain/access-log.ts';
import { Secret } from '../../../domain/secret.ts';
import { addErrorHandling } from '../../../gateway/http/errors.ts';
import { Problem } from '../../../gateway/problem.ts';

test('no secret gets into the body of a problem, nor into the line about it in the access log', async () => {
  const value = randomBytes(24).toString('base64');
  new Secret(value).toString();
  const lines: unknown[] = [];
  const app = fastify();
  app.decorateRequest('identity', null);
  app.decorateRequest('rawBody', null);
  const accessLog: Pick<AccessLog, 'append'> = {
    append: async (line) => {
      lines.push(line);
    },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it only appends
  addErrorHandling(app, accessLog as AccessLog);
  app.get('/', { config: { access: 'alert' } }, () => {
    throw new Problem(422, 'FB1007', `token: ${value} and ${encodeURIComponent(value)} are no good`);
  });
  const answer = await app.inject('/');
  expect(answer.json()).toMatchObject({ code: 'FB1007', detail: 'token: [secret] and [secret] are no good' });
  expect(lines).toMatchObject([
    { code: 'FB1007', detail: { why: 'token: [secret] and [secret] are no good' } },
  ]);
  await app.close();
});
