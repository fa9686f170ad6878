import { join } from 'node:path';
import { fileStore } from '../../activities/secrets/file.ts';
import { secretStores } from '../../activities/secrets/index.ts';
import type { Action, Applied, Mandate, Plan, Undone } from '../../domain/action.ts';
import type { EvidenceStore } from '../../domain/evidence.ts';
import type { JsonObject } from '../../domain/json.ts';
import { Secret, type SecretStore, type SecretStores } from '../../domain/secret.ts';
import { openEvidence } from '../../stores/evidence.ts';
import { contextOf, type ContextOptions, type Intents } from './action-context.ts';
import { temporaryDirectory } from './store-processes.ts';

/** What an action on a service is given: a store of evidence, and a store of secrets on disk called `vault`. */
export interface ServiceWorld {
  evidence: EvidenceStore;
  vault: SecretStore;
  secrets: SecretStores;
  /** A value of the vault; undefined when there is none. */
  stored(path: string): Promise<string | undefined>;
  put(path: string, value: string): Promise<void>;
}

export async function serviceWorld(): Promise<ServiceWorld> {
  const directory = await temporaryDirectory();
  const evidence = await openEvidence(join(directory, 'evidence'), {
    maxTotalBytes: 10_000_000,
    maxArtefactBytes: 1_000_000,
  });
  const vault = fileStore('vault', join(directory, 'vault'));
  return {
    evidence,
    vault,
    secrets: secretStores([vault]),
    stored: async (path) => (await vault.read(path, call()))?.value.reveal(),
    async put(path, value) {
      const found = await vault.read(path, call());
      const version = found === undefined ? {} : { version: found.version };
      await vault.write(path, new Secret(value), { ...call(), ...version });
    },
  };
}

const call = () => ({ signal: AbortSignal.timeout(30_000) });

/** A plan of the action, and the mandate that its approval gives. */
export async function planned<I extends JsonObject>(
  world: ServiceWorld,
  action: Action<I>,
  input: I,
): Promise<{ plan: Plan; mandate: Mandate<I> }> {
  const plan = await action.plan(contextOf(world.evidence), { incident: 'INC-1', step: 'one', input });
  const mandate = { incident: 'INC-1', step: 'one', input, authority: plan.authority, base: plan.snapshot };
  return { plan, mandate };
}

/** What a crash test throws at a boundary. */
class Killed extends Error {}

/**
 * Runs a verb until it gets through, and kills it once at each boundary that it comes to: every attempt goes on where the one before was killed.
 * Returns where that was, and what the last attempt said.
 */
export async function killedEverywhere<I extends JsonObject, V extends 'apply' | 'undo'>(
  world: ServiceWorld,
  action: Action<I>,
  verb: V,
  mandate: Mandate<I>,
  options: ContextOptions = {},
): Promise<{ killedAt: string[]; result: V extends 'apply' ? Applied : Undone }> {
  const intents: Intents = options.intents ?? new Map();
  const killedAt = new Set<string>();
  for (let attempt = 1; attempt < 100; attempt++) {
    const atBoundary = (name: string) => {
      // The same intent of a later attempt is the same boundary.
      const boundary = name.replace(/ \d+$/, '');
      if (killedAt.has(boundary)) return;
      killedAt.add(boundary);
      throw new Killed(boundary);
    };
    try {
      const result = await action[verb](
        contextOf(world.evidence, { ...options, intents, atBoundary }),
        mandate,
      );
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the result is that of the verb
      return { killedAt: [...killedAt], result: result as V extends 'apply' ? Applied : Undone };
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
  throw new Error('it never gets through');
}
