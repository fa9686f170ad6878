import type { RegistryEvents } from '../../../domain/registry-event.ts';
import { mostUses } from './contract.ts';
import type { Uses } from './use.ts';
import type { Window } from './window.ts';

/** What a registry notified of, from the engine's own store of it. */
export async function findNotifications(
  events: Pick<RegistryEvents, 'find'>,
  { registry, name }: { registry: string; name: string },
  { since, until }: Window,
  uses: Uses,
): Promise<void> {
  const found = await events.find({
    registry,
    actor: name,
    since: since.toISOString(),
    until: until.toISOString(),
    most: mostUses,
  });
  const { began, dropped, unreadable } = found;
  const what = `notifications of registry ${registry}`;
  if (began === undefined)
    uses.miss(what, 'none ever came: point its notifications at the gateway, /v1/registry-events/<registry>');
  else if (Date.parse(began) > since.getTime())
    uses.miss(what, `the first came at ${began}: nothing before is known`);
  if (dropped !== undefined && Date.parse(dropped.until) >= since.getTime())
    uses.miss(what, `${dropped.events} made room for later ones, the latest of ${dropped.until}`);
  if (unreadable > 0)
    uses.miss(what, `${unreadable} could not be read: the access log of the gateway names them`);
  for (const { id, at, action, actor, address, agent, repository, tag, digest, image } of found.events) {
    uses.add({
      id,
      at,
      principal: actor,
      action,
      on: `${repository}${tag === '' ? '' : `:${tag}`}${digest === '' ? '' : `@${digest}`}`,
      address,
      agent,
      outcome: 'done',
      ...(action === 'push' && image ? { pushed: { repository, tag, digest } } : {}),
    });
  }
  uses.left += found.count - found.events.length;
}
