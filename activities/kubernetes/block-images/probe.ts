import type { Claim } from '../../../domain/action.ts';
import { sha256 } from '../../../domain/json.ts';
import { inParallel } from '../evidence/in-parallel.ts';
import { probePodCreation, type Probed } from '../quarantine/probe.ts';
import { policyName } from './policy.ts';
import type { Rule } from './rule.ts';
import type { Work } from './target.ts';

/** It is always there, and never protected: what is denied everywhere is tried in it. */
const anywhere = 'default';
const repository = 'firebreak.invalid/probe';
const AT_ONCE = 8;

/** One image that is tried in one namespace, by a dry run of somebody who is not exempt. */
interface Trial {
  namespace: string;
  image: string;
  /** What is tried, as a claim has it. */
  what: string;
  refused: boolean;
}

/** What came of a trial. `masked`: something else refused it, so that our policy could not show itself. */
export interface Tried extends Trial {
  outcome: Probed['outcome'] | 'masked';
  detail: string;
}

function trialsOf({ namespaces, deny, allow }: Rule): Trial[] {
  const [denied] = deny;
  const allowed = allow.find((digest) => !deny.includes(digest));
  const places = deny.length > 0 ? [...new Set([...namespaces, anywhere])] : namespaces;
  return places.flatMap((namespace) => {
    const trials: Trial[] = [];
    const add = (what: string, image: string, refused: boolean) =>
      trials.push({ namespace, what, image, refused });
    if (denied !== undefined) add('a denied digest', `${repository}@${denied}`, true);
    if (!namespaces.includes(namespace)) return trials;
    add('an image without a digest', `${repository}:1`, true);
    add('a digest that is not on the list', `${repository}@${sha256('firebreak probe')}`, true);
    if (allowed !== undefined) add('an allowed digest', `${repository}@${allowed}`, false);
    return trials;
  });
}

/** Tries each sort of image in each namespace where the rule says something of it. */
export async function tryAll({ cluster, context, hold, rule }: Work): Promise<Tried[]> {
  const name = policyName({ hold, rule });
  const tried: Tried[] = [];
  await inParallel(trialsOf(rule), AT_ONCE, async (trial) => {
    const { outcome, detail } = await probePodCreation(
      cluster,
      name,
      trial.namespace,
      context.signal,
      trial.image,
    );
    const masked = outcome === 'unclear' && isRefusal(detail);
    tried.push({ ...trial, outcome: masked ? 'masked' : outcome, detail });
  });
  return tried;
}

/** What a trial says of the block. */
export function claimOf({ namespace, what, refused, outcome, detail }: Tried): Claim {
  const claim = `${what} in namespace ${namespace}: ${refused ? 'refused' : 'not refused by this block'}`;
  if (outcome === 'masked') {
    const why = 'something else refuses it first, so this is computed from the policy';
    return { claim, verdict: 'evaluated', detail: `${why}: ${detail}` };
  }
  if (outcome === 'unclear') return { claim, verdict: 'unverifiable', detail };
  return { claim, verdict: (outcome === 'denied') === refused ? 'verified' : 'failed', detail };
}

/** By something that judges content, in the words of admission plugins and webhooks; RBAC, which says nothing of it, names the user. */
function isRefusal(detail: string): boolean {
  return / is forbidden: (?!User )| denied the request/.test(detail);
}
