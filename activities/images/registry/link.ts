import { RegistryError } from './errors.ts';
import type { HttpAnswer } from './http.ts';

/**
 * The next page of a list, by its `Link` header (RFC 8288) with the relation `next`.
 * @throws RegistryError when it is on another host: credentials go with it
 */
export function nextPage(
  answer: HttpAnswer,
  where: { registry: string; operation: string },
): URL | undefined {
  for (const match of (answer.headers['link'] ?? '').matchAll(/<([^<>]*)>((?:\s*;[^,<>]*)?)/g)) {
    const [, target = '', parameters = ''] = match;
    if (!/;\s*rel\s*=\s*"?next"?\s*(?:;|$)/i.test(parameters)) continue;
    const next = URL.parse(target, answer.url.href);
    if (next !== null && next.origin === answer.url.origin) return next;
    throw new RegistryError(where, {
      class: 'elsewhere',
      message: 'the next page of the list is on another host',
    });
  }
  return undefined;
}
