import { slackId } from './identity.ts';
import type { JsonObject, UserKind, UserSpec } from './types.ts';

/** A person or bot of the workspace, as tests name them. */
export interface DirectoryUser {
  id: string;
  name: string;
  teamId: string;
  kind: UserKind;
}

/**
 * The account facts that the emulator does not hold (it knows neither guests, nor deactivated accounts, nor
 * strangers), laid over its users. Fields: docs.slack.dev/reference/objects/user-object.
 */
export class Directory {
  readonly #byId = new Map<string, { spec: UserSpec; user: DirectoryUser }>();
  readonly #enterprise: { id: string; name: string } | null;
  readonly #teamId: string;

  constructor(teamId: string, enterprise: { id: string; name: string } | null) {
    this.#teamId = teamId;
    this.#enterprise = enterprise;
  }

  add(id: string, spec: UserSpec): DirectoryUser {
    const kind = spec.kind ?? 'member';
    const teamId = kind === 'stranger' ? (spec.teamId ?? slackId('T')) : this.#teamId;
    const user = { id, name: spec.name, teamId, kind };
    this.#byId.set(id, { spec, user });
    return user;
  }

  get(idOrName: string): DirectoryUser {
    const found =
      this.#byId.get(idOrName)?.user ??
      [...this.#byId.values()].find(({ user }) => user.name === idOrName)?.user;
    if (!found) throw new Error(`no user ${idOrName} in this workspace: add them to startSlack({ users })`);
    return found;
  }

  all(): DirectoryUser[] {
    return [...this.#byId.values()].map(({ user }) => user);
  }

  /** `users.list` covers the workspace's own accounts, deactivated ones included. */
  isListed(id: string): boolean {
    return this.#byId.get(id)?.user.kind !== 'stranger';
  }

  /** Changes what kind of account someone has, as an administrator would, while the app runs. */
  setKind(idOrName: string, kind: UserKind): void {
    this.get(idOrName).kind = kind;
  }

  /** The emulator's user object with the facts of its account. */
  complete(raw: JsonObject): JsonObject {
    const entry = this.#byId.get(String(raw['id']));
    if (!entry) return raw;
    const { spec, user } = entry;
    const guest = user.kind === 'guest' || user.kind === 'single-channel-guest';
    return {
      ...raw,
      team_id: user.teamId,
      deleted: user.kind === 'deactivated',
      is_admin: spec.admin ?? false,
      is_owner: false,
      is_primary_owner: false,
      is_bot: user.kind === 'bot',
      is_app_user: false,
      is_restricted: guest,
      is_ultra_restricted: user.kind === 'single-channel-guest',
      ...(user.kind === 'stranger' ? { is_stranger: true } : {}),
      ...(this.#enterprise && user.kind !== 'stranger'
        ? {
            enterprise_user: {
              id: spec.enterpriseUserId ?? user.id,
              enterprise_id: this.#enterprise.id,
              enterprise_name: this.#enterprise.name,
              is_admin: false,
              is_owner: false,
              teams: [user.teamId],
            },
          }
        : {}),
    };
  }
}
