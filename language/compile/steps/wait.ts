import { milliseconds } from '../duration.ts';
import { fields } from '../value-shape.ts';
import { inputsOf, outputsOf } from './action.ts';
import type { MakeStep } from './made.ts';

/** Readings that one wait may take: each is an activity of the incident's history. */
const maxReadings = 5_000;

export const makeWait: MakeStep<'wait'> = (session, step, path, view) => {
  const { wait } = step;
  if (typeof wait === 'string')
    return { body: { kind: 'wait', forMs: milliseconds(wait) ?? 0 }, outputs: fields({}) };
  const at = [...path, 'wait'];
  const action = session.action(wait.uses, [...at, 'uses']);
  if (action !== undefined && action.effect !== 'read')
    session.findings.push({
      code: 'FB2055',
      path: [...at, 'uses'],
      message: `${action.name} changes things, and a wait only reads`,
      fix: 'use an action that only reads; firebreak action list tells which do',
    });
  const [everyMs, withinMs] = [milliseconds(wait.every) ?? 0, milliseconds(wait.within) ?? 0];
  if (everyMs > withinMs)
    session.findings.push({
      code: 'FB2056',
      path: [...at, 'every'],
      message: `every is ${wait.every}, and the wait ends after ${wait.within}`,
      fix: 'make every at most within',
    });
  const readings = Math.ceil(withinMs / everyMs);
  if (readings > maxReadings)
    session.findings.push({
      code: 'FB2057',
      path: [...at, 'every'],
      message: `every ${wait.every} within ${wait.within} is up to ${readings} readings, more than ${maxReadings}`,
      fix: `make every at least ${Math.ceil(withinMs / maxReadings / 1000)}s, or shorten within`,
    });
  const outputs = outputsOf(action);
  const reading = fields({ verdict: 'string', outputs });
  const looking = { ...view, names: { ...view.names, reading } };
  return {
    body: {
      kind: 'wait',
      until: {
        condition: session.expressions.condition(wait.until, [...at, 'until'], looking),
        uses: wait.uses,
        with: inputsOf(session, wait.with ?? {}, [...at, 'with'], action, view),
        everyMs,
        withinMs,
      },
    },
    outputs,
  };
};
