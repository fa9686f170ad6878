import { nat, noBias, type Arbitrary } from 'fast-check';
import type { Playbook } from '../../language/run/playbook.ts';
import { randomPlaybook } from './random-playbooks.ts';
import { seeded } from './soak.ts';

/** Resolved playbooks of every kind of step. Drawn from a seed, so that one found wrong can be drawn again; it does not shrink. */
export function playbooks(): Arbitrary<Playbook> {
  return noBias(nat()).map((seed) => randomPlaybook(seeded(seed)));
}
