import type { ChildPlaybook, Scope, Step } from '../../language/run/playbook.ts';
import type { Frame, Halt, Run } from './frame.ts';
import { attempt } from './guard.ts';
import { outputsOf } from './outputs.ts';
import { scopeAfter } from './scope.ts';
import { endOf, isBad, isSettled, newBlock, type End, type List, type PlaybookState } from './tree.ts';
import { undoNext } from './undo.ts';
import type { Facts } from './types.ts';

/** A playbook that runs: the root, or a child with the step around it. */
export interface Place {
  run: Run;
  playbook: ChildPlaybook;
  state: PlaybookState;
  /** Of the addresses and the paths in it. */
  prefix: string;
  path: string;
  facts: Facts;
  around?: {
    frame: Frame;
    quiet: boolean;
    counts?: { [address: string]: number };
    halt: () => Halt | undefined;
    halted: () => boolean;
  };
}

export function beginPlaybook(playbook: ChildPlaybook): PlaybookState {
  return { phase: 'steps', steps: { block: newBlock(playbook.steps) } };
}

/**
 * Moves on a playbook: its steps; when they ended badly the undo of what they applied, then its `on-failure` steps; then its `always` steps.
 * @returns its end, when it has come
 */
export function advancePlaybook(place: Place): (End & { outputs: NonNullable<End['outputs']> }) | undefined {
  const { run, state } = place;
  while (state.phase !== 'ended') {
    if (!phaseOver(place)) return undefined;
    state.phase = nextPhase(place);
    if (state.phase === 'on-failure') state.onFailure = { block: newBlock(place.playbook.onFailure ?? []) };
    if (state.phase === 'always') state.always = { block: newBlock(place.playbook.always ?? []) };
    run.changes += 1;
  }
  return endedAs(place);
}

function phaseOver(place: Place): boolean {
  const { run, state } = place;
  if (state.phase === 'ended') return true;
  if (state.phase === 'undo') return undoNext(run, place.prefix, state.outcome?.why, () => mayUndo(place));
  const frame = frameOf(place, state.phase);
  if (frame === undefined) return true;
  run.advance(frame);
  if (!isSettled(frame.steps, frame.block)) return false;
  if (state.phase === 'steps')
    state.outcome = state.steps.endedBy === undefined ? endOf(frame.steps, frame.block) : { status: 'done' };
  return true;
}

/** What follows. Worked out from what has been done, so that a stop may come at any time. */
export function nextPhase(place: Place): PlaybookState['phase'] {
  const { run, state, around, playbook } = place;
  const { stop } = run.state;
  const always = state.always === undefined && (stop === undefined || stop.always) ? 'always' : 'ended';
  if (stop !== undefined) return mayUndo(place) && hasApplied(place) ? 'undo' : always;
  const untouched = state.onFailure === undefined && state.always === undefined;
  if (!untouched || !isBad(state.outcome?.status ?? 'done')) return always;
  if (hasApplied(place)) return 'undo';
  return playbook.onFailure !== undefined && around?.halted() !== true ? 'on-failure' : always;
}

/** A stop of all undoes at the root only, so that the newest is the first. */
function mayUndo({ run, around }: Place): boolean {
  const { stop } = run.state;
  return stop === undefined || (stop.undo && around === undefined);
}

function hasApplied({ run, prefix }: Place): boolean {
  return run.state.applied.some(({ address }) => address.startsWith(prefix));
}

function endedAs(place: Place): End & { outputs: NonNullable<End['outputs']> } {
  const { run, state, playbook, around } = place;
  const { stop } = run.state;
  if (stop !== undefined && around === undefined) return { status: 'cancelled', why: stop.why, outputs: {} };
  const ends: End[] = [state.outcome ?? { status: 'done' }];
  if (state.always !== undefined) ends.push(listEnd(playbook.always ?? [], state.always));
  const [bad] = ends.filter(({ status }) => isBad(status));
  if (bad !== undefined) {
    const status = bad === ends[0] ? bad.status : 'failed';
    return { status, ...(bad.why === undefined ? {} : { why: bad.why }), outputs: {} };
  }
  const seen = () => {
    const scope = scopeAfter(playbook.steps, state.steps.block, { ...place.facts, steps: {} });
    return state.always === undefined ? scope : scopeAfter(playbook.always ?? [], state.always.block, scope);
  };
  const outputs = attempt(run, () => outputsOf(playbook.outputs ?? {}, seen()));
  return outputs.end === undefined
    ? { status: 'done', outputs: outputs.value }
    : { ...outputs.end, outputs: {} };
}

function listEnd(steps: readonly Step[], list: List): End {
  return list.endedBy === undefined ? endOf(steps, list.block) : { status: 'done' };
}

/** All lists of a playbook that were begun. */
export function listFrames(place: Place): Frame[] {
  return (['steps', 'on-failure', 'always'] as const).flatMap((phase) => frameOf(place, phase) ?? []);
}

function frameOf(place: Place, phase: 'steps' | 'on-failure' | 'always'): Frame | undefined {
  const { run, state, playbook, around } = place;
  const lists = { steps: state.steps, 'on-failure': state.onFailure, always: state.always };
  const list = lists[phase];
  if (list === undefined) return undefined;
  const steps = { steps: playbook.steps, 'on-failure': playbook.onFailure, always: playbook.always }[phase];
  let base: Scope | undefined;
  return {
    run,
    ...(around === undefined ? {} : { parent: around.frame }),
    steps: steps ?? [],
    block: list.block,
    prefix: place.prefix,
    path: place.path,
    quiet: around?.quiet ?? false,
    ...(around?.counts === undefined ? {} : { counts: around.counts }),
    list,
    base: () => (base ??= baseOf(place, phase)),
    halt: () => haltOfList(place, list, phase),
    ...(phase === 'always' ? { shielded: true as const } : {}),
  };
}

function baseOf({ facts, playbook, state }: Place, phase: 'steps' | 'on-failure' | 'always'): Scope {
  const base: Scope = { ...facts, steps: {} };
  if (phase === 'steps') return base;
  const seen = scopeAfter(playbook.steps, state.steps.block, base);
  if (phase === 'always') return seen;
  const { step = '', status = 'failed', why = '' } = state.outcome ?? {};
  return { ...seen, failure: { step, status, why } };
}

function haltOfList({ run, around }: Place, list: List, phase: string): Halt | undefined {
  const { stop } = run.state;
  const stopped = stop !== undefined && !(phase === 'always' && stop.always);
  if (stopped) return { why: stop.why, kind: stop.running };
  const inner = phase === 'always' ? undefined : around?.halt();
  if (inner !== undefined) return inner;
  return list.endedBy === undefined ? undefined : { why: `ended by ${list.endedBy}`, kind: 'end' };
}
