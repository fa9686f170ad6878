import { oneLine } from '../../../domain/safe-text.ts';
import { mostUses } from './contract.ts';

/** An image that was pushed, or a tag that was set. */
export interface PushedImage {
  repository: string;
  /** Empty when it was pushed by digest alone. */
  tag: string;
  /** Empty when the system does not say it. */
  digest: string;
}

/** One use of a credential. Texts are an attacker's, made fit for people by `Uses`. */
export interface Use {
  /** The system's own id of it. */
  id: string;
  /** RFC 3339 UTC. */
  at: string;
  principal: string;
  /** `sts.amazonaws.com AssumeRole`, `push`, `get secrets`. */
  action: string;
  on: string;
  address: string;
  /** What the client, or proxies, say of where it came from. */
  forwardedFor?: string;
  agent: string;
  /** `done`, or how it was refused. */
  outcome: string;
  /** The credential that was shown, where it is another than the one looked for, or one of several. */
  through?: string;
  pushed?: PushedImage;
}

/** Something that could not be had. A type, not an interface: it is JSON. */
export type Unavailable = {
  what: string;
  why: string;
};

const lengths = {
  id: 128,
  principal: 300,
  action: 128,
  on: 400,
  address: 128,
  forwardedFor: 256,
  agent: 200,
  outcome: 128,
  through: 128,
  repository: 256,
  tag: 128,
} as const;

const digest = /^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$/;

/** Everything that was found, bounded. */
export class Uses {
  /** Each id once. The system's order. */
  readonly #byId = new Map<string, Use>();
  readonly unavailable: Unavailable[] = [];
  /** Beyond what is kept. */
  left = 0;

  /** A text that has no digest's form is no digest: it is left out, and told. */
  add(use: Use): void {
    const clean: Use = {
      id: oneLine(use.id, lengths.id),
      at: use.at,
      principal: oneLine(use.principal, lengths.principal),
      action: oneLine(use.action, lengths.action),
      on: oneLine(use.on, lengths.on),
      address: oneLine(use.address, lengths.address),
      agent: oneLine(use.agent, lengths.agent),
      outcome: oneLine(use.outcome, lengths.outcome),
      ...(use.forwardedFor === undefined
        ? {}
        : { forwardedFor: oneLine(use.forwardedFor, lengths.forwardedFor) }),
      ...(use.through === undefined ? {} : { through: oneLine(use.through, lengths.through) }),
    };
    if (use.pushed !== undefined) {
      const { repository, tag, digest: named } = use.pushed;
      const known = digest.test(named);
      if (!known && named !== '') this.miss(`the digest of push ${clean.id}`, 'it is not one');
      clean.pushed = {
        repository: oneLine(repository, lengths.repository),
        tag: oneLine(tag, lengths.tag),
        digest: known ? named : '',
      };
    }
    if (this.#byId.size < mostUses || this.#byId.has(clean.id)) this.#byId.set(clean.id, clean);
    else this.left += 1;
  }

  miss(what: string, why: string): void {
    const clean = { what: oneLine(what, 200), why: oneLine(why, 500) };
    if (!this.unavailable.some((one) => one.what === clean.what && one.why === clean.why))
      this.unavailable.push(clean);
  }

  /** The oldest first. */
  list(): Use[] {
    return [...this.#byId.values()].toSorted(
      (a, b) => Date.parse(a.at) - Date.parse(b.at) || (a.id < b.id ? -1 : 1),
    );
  }
}
