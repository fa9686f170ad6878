import { render } from '../../../language/run/expression.ts';
import type { EndStep } from '../../../language/run/playbook.ts';
import { scopeAt, type At } from '../frame.ts';
import { asText } from '../outputs.ts';
import type { End } from '../tree.ts';

/** Ends the list of the playbook that it is in; the lists inside see that by themselves. */
export function runEnd(here: At<EndStep>): End {
  const why = asText(render(here.step.why, scopeAt(here)));
  here.frame.list.endedBy ??= here.step.id;
  return { status: 'done', why };
}
