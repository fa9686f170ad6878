import { condition } from '@temporalio/workflow';
import type { Playbook, Step } from '../../language/run/playbook.ts';
import { begin, decide, reduce, settled, type Event, type Progress } from './core.ts';

/** What the interpreter needs of the incident that it runs in. */
export interface Surroundings {
  /** Carries one step out, to its end; never throws for what a step may meet. */
  execute(step: Step, progress: Progress): Promise<Event>;
  /** Told of every change. */
  changed(progress: Progress, event: Event): void;
  /** Why no further step may begin; undefined while they may. */
  stopped(): string | undefined;
}

/** Runs a playbook until every step has ended. Steps whose needs are met run side by side, begun in the order they are written. */
export async function runPlaybook(playbook: Playbook, around: Surroundings): Promise<Progress> {
  let progress = begin(playbook);
  const ended: Event[] = [];
  const failures: unknown[] = [];
  const take = (event: Event) => {
    progress = reduce(progress, event);
    around.changed(progress, event);
  };
  for (;;) {
    for (const command of decide(playbook, progress, around.stopped())) {
      if (command.do === 'skip') {
        take({ step: command.step.id, status: 'skipped', why: command.why });
        continue;
      }
      take({ step: command.step.id, status: 'running' });
      around.execute(command.step, progress).then(
        (event) => ended.push(event),
        (failure: unknown) => failures.push(failure),
      );
    }
    if (settled(progress)) return progress;
    if (decide(playbook, progress, around.stopped()).length > 0) continue;
    await condition(() => ended.length > 0 || failures.length > 0);
    if (failures.length > 0) throw failures[0];
    for (const event of ended.splice(0)) take(event);
  }
}
