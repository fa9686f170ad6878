import { randomBytes } from 'node:crypto';
import { seconds } from './sealed.ts';
import { notFound, Refusal, type JsonObject, type RunSpec } from './types.ts';

/** As the API has them: docs.github.com/rest/actions/workflows. */
export type WorkflowState =
  'active' | 'deleted' | 'disabled_fork' | 'disabled_inactivity' | 'disabled_manually';

export interface Workflow {
  id: number;
  repository: string;
  /** `.github/workflows/release.yml`. */
  path: string;
  state: WorkflowState;
}

interface Run extends Omit<RunSpec, 'workflow' | 'createdAt'> {
  id: number;
  workflow: Workflow;
  createdAt: number;
  conclusion: string | null;
  /** When it ends because somebody cancelled it. */
  endsAt?: number;
}

/** Workflows and their runs: npm `emulate` has routes for them, and no way to make a workflow. */
export class Workflows {
  readonly #workflows: Workflow[] = [];
  readonly #runs = new Map<number, Run>();
  readonly #now: () => number;
  #next = 10_000;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(repository: string, file: string): Workflow {
    const workflow: Workflow = {
      id: this.#next++,
      repository,
      path: `.github/workflows/${file}`,
      state: 'active',
    };
    this.#workflows.push(workflow);
    return workflow;
  }

  ofRepository(repository: string): Workflow[] {
    return this.#workflows.filter((one) => same(one.repository, repository));
  }

  /** By number or file name, as GitHub finds them. */
  find(repository: string, idOrFile: string): Workflow {
    const found = this.ofRepository(repository).find(
      ({ id, path }) => String(id) === idOrFile || path.endsWith(`/${idOrFile}`),
    );
    if (found === undefined) throw notFound();
    return found;
  }

  shown({ id, path, state, repository }: Workflow, base: string): JsonObject {
    const url = `${base}/repos/${repository}/actions/workflows/${id}`;
    return {
      id,
      node_id: `W_${id}`,
      name: path.replace(/^.*\//, ''),
      path,
      state,
      created_at: '2026-01-01T00:00:00Z',
      updated_at: seconds(this.#now()),
      url,
      html_url: `${base}/${repository}/blob/main/${path}`,
      badge_url: `${base}/${repository}/workflows/badge.svg`,
    };
  }

  start(spec: RunSpec): number {
    const { workflow, createdAt = new Date(this.#now()), ...rest } = spec;
    const run: Run = {
      ...rest,
      id: this.#next++,
      workflow: this.find(spec.repository, workflow),
      createdAt: createdAt.getTime(),
      conclusion: spec.status === 'completed' ? 'success' : null,
    };
    this.#runs.set(run.id, run);
    return run.id;
  }

  run(repository: string, id: number): Run {
    const run = this.#runs.get(id);
    if (run === undefined || !same(run.repository, repository)) throw notFound();
    return run;
  }

  statusOf(run: Run): { status: string; conclusion: string | null } {
    if (run.endsAt !== undefined && run.endsAt <= this.#now())
      return { status: 'completed', conclusion: 'cancelled' };
    return { status: run.status ?? 'in_progress', conclusion: run.conclusion };
  }

  /** Answers before it is done: the run ends when its jobs have. @throws Refusal 409 when it has ended */
  cancel(run: Run, force: boolean): void {
    if (this.statusOf(run).status === 'completed')
      throw new Refusal(409, 'Cannot cancel a workflow run that is completed.');
    if (run.ignoresCancel === true && !force) return;
    run.endsAt = Math.min(run.endsAt ?? Infinity, this.#now() + (force ? 0 : (run.cancelMs ?? 0)));
  }

  end(run: Run): void {
    run.status = 'completed';
    run.conclusion = 'success';
  }

  /** Newest first, by the filters of the API. */
  list(repository: string, query: URLSearchParams, workflow?: Workflow): Run[] {
    const wanted = {
      status: query.get('status'),
      branch: query.get('branch'),
      actor: query.get('actor'),
      created: query.get('created'),
    };
    return [...this.#runs.values()]
      .filter((run) => {
        const { status, conclusion } = this.statusOf(run);
        return (
          same(run.repository, repository) &&
          (workflow === undefined || run.workflow === workflow) &&
          (wanted.status === null || wanted.status === status || wanted.status === conclusion) &&
          (wanted.branch === null || wanted.branch === (run.branch ?? 'main')) &&
          (wanted.actor === null || same(wanted.actor, run.actor ?? ownerOf(run.repository))) &&
          isWithin(run.createdAt, wanted.created)
        );
      })
      .toSorted((a, b) => b.id - a.id);
  }

  /** @param repository as the API shows it elsewhere */
  shownRun(run: Run, base: string, repository: JsonObject): JsonObject {
    const url = `${base}/repos/${run.repository}/actions/runs/${run.id}`;
    const created = seconds(run.createdAt);
    const login = run.actor ?? ownerOf(run.repository);
    const actor = { login, id: 1, type: 'User' };
    return {
      id: run.id,
      node_id: `R_${run.id}`,
      name: run.workflow.path,
      check_suite_id: run.id,
      head_branch: run.branch ?? 'main',
      head_sha: randomBytes(20).toString('hex'),
      path: run.workflow.path,
      run_number: 1,
      run_attempt: 1,
      event: 'push',
      display_title: 'a push',
      ...this.statusOf(run),
      workflow_id: run.workflow.id,
      url,
      html_url: `${base}/${run.repository}/actions/runs/${run.id}`,
      created_at: created,
      updated_at: seconds(this.#now()),
      run_started_at: created,
      actor,
      triggering_actor: actor,
      jobs_url: `${url}/jobs`,
      logs_url: `${url}/logs`,
      cancel_url: `${url}/cancel`,
      workflow_url: `${base}/repos/${run.repository}/actions/workflows/${run.workflow.id}`,
      repository,
    };
  }
}

/** `>=2026-01-01T00:00:00Z`: of the search syntax for dates, what is asked for here. */
function isWithin(at: number, created: string | null): boolean {
  if (created === null) return true;
  const from = /^>=(.+)$/.exec(created)?.[1];
  if (from === undefined || Number.isNaN(Date.parse(from)))
    throw new Error(`the GitHub testbed does not know created=${created}: add it to workflows.ts`);
  return at >= Date.parse(from);
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function ownerOf(repository: string): string {
  return repository.split('/')[0] ?? '';
}
