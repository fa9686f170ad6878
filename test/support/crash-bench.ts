import { sha256 } from '../../domain/json.ts';
import type { Playbook } from '../../language/run/playbook.ts';
import { incidentWorkflowId, workflowIdOf } from '../../workflows/contract.ts';
import { EngineProcess, settingsFor } from './crash.ts';
import { Engine, type OpenIncident } from './engine.ts';
import { loopbackActions, LoopbackWorld } from './loopback-world.ts';
import { Watch } from './watch.ts';

/** Workflow id of the incident that is opened under a name. */
export const idOf = (name: string): string => incidentWorkflowId(sha256(name));

/** An engine over a loopback world, whose workers are processes of their own: each can be stopped, and killed, at any place. */
export class CrashBench {
  readonly watch: Watch;
  readonly world: LoopbackWorld;
  readonly engine: Engine;
  /** Of the world. */
  readonly url: string;
  readonly #processes: EngineProcess[] = [];

  private constructor(parts: Pick<CrashBench, 'engine' | 'url' | 'watch' | 'world'>) {
    this.watch = parts.watch;
    this.world = parts.world;
    this.engine = parts.engine;
    this.url = parts.url;
  }

  static async start(): Promise<CrashBench> {
    const watch = new Watch();
    const world = new LoopbackWorld((incident, activity) =>
      watch.reached({ workflowId: workflowIdOf(incident) ?? '', activity, boundary: 'unanswered' }),
    );
    const engine = await Engine.start();
    const url = await world.listen();
    await engine.state.evidence.put('{}', 'application/json');
    return new CrashBench({ watch, world, engine, url });
  }

  /** Begins a worker. Resolves once it polls. */
  async work(): Promise<EngineProcess> {
    const settings = await settingsFor(this.engine, { kind: 'loopback', url: this.url });
    const worker = await EngineProcess.start(settings, this.watch);
    this.#processes.push(worker);
    return worker;
  }

  /** Opens an incident in the namespace of its name. Without a playbook it turns its one switch on. */
  open(name: string, playbook?: Pick<Playbook, 'steps'> & Partial<Playbook>): Promise<OpenIncident> {
    return this.engine.open({
      actions: loopbackActions(this.url),
      namespace: name,
      key: name,
      ...(playbook === undefined ? {} : { playbook }),
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((worker) => worker.kill()));
    await this.engine.stop();
    await this.world.close();
  }
}
