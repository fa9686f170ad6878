import { digest, jsonCopy } from '../domain/json.ts';
import type { Alert } from '../domain/alert.ts';
import type { Carried } from './contract.ts';
import type { IncidentState } from './state.ts';

/** Distinct alerts that get an entry of their own; an attacker who makes more of them is counted, not listed. */
const maxListed = 200;

/** The alerts of one incident: each distinct one is noted once, copies are counted. */
export class Joined {
  readonly #state: IncidentState;
  readonly #known: Set<string>;
  #copies: number;
  #unlisted: number;
  #closed = false;

  constructor(state: IncidentState) {
    this.#state = state;
    const { known, copies, unlisted } = state.input.carried?.alerts ?? { known: [], copies: 0, unlisted: 0 };
    this.#known = new Set(known);
    this.#copies = copies;
    this.#unlisted = unlisted;
    state.alerts = this.#known.size;
  }

  /** For the run that goes on with the incident. */
  carry(): Carried['alerts'] {
    return { known: [...this.#known], copies: this.#copies, unlisted: this.#unlisted };
  }

  /** Notes the opening, with the alert that caused it. */
  open(): void {
    const { input, recorder } = this.#state;
    recorder.note('incident.opened', {
      title: input.title,
      severity: input.severity,
      mode: input.mode,
      key: input.key,
      predecessor: input.predecessor ?? '',
      requester: input.requester,
      playbook: { id: input.playbook.id, version: input.playbook.version, digest: input.playbookDigest },
      ...(input.source === undefined ? {} : { source: jsonCopy(input.source) }),
      inputs: input.inputs,
      policy: digest(input.policy),
      opening: { keyId: input.opening.keyId, signature: input.opening.signature },
    });
    if (input.alert !== null) this.join([input.alert]);
  }

  /** After `close` nothing joins: no later activity would store it, and the gateway takes such an alert to the successor. */
  join(alerts: readonly Alert[]): void {
    if (this.#closed) return;
    for (const alert of alerts) {
      const id = `${alert.source}/${alert.id}`;
      if (this.#known.has(id)) {
        this.#copies += 1;
        continue;
      }
      if (this.#known.size >= maxListed) {
        this.#unlisted += 1;
        continue;
      }
      this.#known.add(id);
      this.#state.alerts = this.#known.size;
      this.#state.recorder.note('alert.joined', {
        source: alert.source,
        id: alert.id,
        rule: alert.rule,
        severity: alert.severity,
        detectedAt: alert.detectedAt,
        receivedAt: alert.receivedAt,
        raw: alert.raw.digest,
      });
    }
  }

  /** Notes what was only counted. */
  close(): void {
    this.#closed = true;
    if (this.#copies + this.#unlisted > 0) {
      this.#state.recorder.note('alert.counted', { copies: this.#copies, unlisted: this.#unlisted });
    }
  }
}
