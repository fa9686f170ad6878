import type { Severity } from '../../domain/alert.ts';
import { jsonCopy, sha256, type Json, type JsonObject } from '../../domain/json.ts';
import type { StepStatus } from '../../domain/incident.ts';
import { bindInputs } from '../../language/compile/inputs.ts';
import type { Playbook } from '../../language/run/playbook.ts';
import { createInterpreter } from '../../workflows/interpreter/interpreter.ts';
import type { Facts, Interpreter } from '../../workflows/interpreter/types.ts';
import type { Scenario, ScenarioProblem } from './read.ts';
import { scenarioProblems, Unplayable } from './recorded.ts';
import type { ScenarioOutcome } from './shape.ts';
import { World, type Question } from './world.ts';

/** One step instance's end, in the order in which they ended. */
export interface StepEnd {
  address: string;
  status: StepStatus;
  why?: string;
  verdict: string;
  outputs: JsonObject;
  /** What an action was given. */
  with?: Json;
}

/** What a playbook did in a scenario. */
export interface Played {
  outcome?: ScenarioOutcome;
  /** Why it did not end well. */
  why?: string;
  steps: StepEnd[];
  asked: Question[];
  /** Addresses of the containments that stand. */
  holding: string[];
  outputs: JsonObject;
  /** How long it took in the scenario's own time. */
  virtualMs: number;
  problems: ScenarioProblem[];
}

/** The virtual clock begins here, so that a run is the same every time. */
const start = Date.parse('2026-01-01T00:00:00Z');

/** Runs a playbook in a scenario: in the interpreter that runs incidents, with a clock of its own, without a server. */
export function play(scenario: Scenario, playbook: Playbook): Played {
  const played: Played = { steps: [], asked: [], holding: [], outputs: {}, virtualMs: 0, problems: [] };
  played.problems.push(...scenarioProblems(scenario, playbook));
  const bound = bindInputs(playbook, scenario.given.inputs ?? {});
  if ('problems' in bound) {
    for (const { field, message, fix } of bound.problems)
      played.problems.push(scenario.problem('FB6122', ['given', ...field.split('.')], message, fix));
  }
  if (played.problems.length > 0 || 'problems' in bound) return played;
  const facts = factsOf(scenario, playbook, bound.ok);
  const mode = scenario.given.mode ?? 'approve';
  const world = new World(scenario, playbook, mode, requesterOf(scenario));
  played.asked = world.asked;
  const interpreter = createInterpreter(playbook, facts);
  try {
    drive(interpreter, world, scenario, played);
  } catch (error) {
    if (!(error instanceof Unplayable)) throw error;
    played.problems.push(error.problem);
    return played;
  }
  conclude(interpreter, world, played);
  played.problems.push(...world.recorded.unused());
  return played;
}

function drive(interpreter: Interpreter, world: World, scenario: Scenario, played: Played): void {
  let now = start;
  let cancel = scenario.given.cancel;
  while (interpreter.ended() === undefined) {
    const { commands, transitions } = interpreter.advance(now);
    for (const { address, status, why, verdict, outputs } of transitions) {
      if (status === 'running' || status === 'waiting') continue;
      const input = world.inputs.get(address);
      played.steps.push({
        address,
        status,
        verdict,
        outputs,
        ...(why === undefined ? {} : { why }),
        ...(input === undefined ? {} : { with: input }),
      });
    }
    const begins = transitions.some(({ address, status }) => address === cancel?.at && status === 'running');
    for (const command of commands) {
      if (command.do === 'run') world.run(command.leaf, now);
      else if (command.do === 'stop') world.stop(command.address, command.why, now);
      else world.undo(command.address, now);
    }
    if (cancel !== undefined && begins) {
      // oxlint-disable-next-line unicorn/no-thenable -- the command's own key
      const { then: treatment = 'stop', why = 'cancelled by a responder' } = cancel;
      cancel = undefined;
      const hold = treatment === 'hold';
      interpreter.stop({ why, running: hold ? 'finish' : 'stop', undo: treatment === 'undo', always: !hold });
      continue;
    }
    if (interpreter.ended() !== undefined) break;
    const next = Math.min(world.next(), interpreter.due());
    if (next === Infinity) {
      if (commands.length > 0 || transitions.length > 0) continue;
      throw new TypeError('the interpreter waits for nothing');
    }
    now = Math.max(now, next);
    const event = world.take(now);
    if (event !== undefined) interpreter.take(event);
  }
  played.virtualMs = now - start;
  if (cancel !== undefined)
    played.problems.push(
      scenario.problem(
        'FB6124',
        ['given', 'cancel', 'at'],
        `${cancel.at} never ran: nothing was cancelled`,
        'name a step that runs',
      ),
    );
}

function conclude(interpreter: Interpreter, world: World, played: Played): void {
  const ended = interpreter.ended();
  if (ended === undefined) return;
  const last = new Map(played.steps.map(({ address, status }) => [address, status]));
  played.holding = [...last].filter(([, status]) => status === 'held').map(([address]) => address);
  played.outputs = ended.outputs;
  if (ended.why !== undefined) played.why = ended.why;
  const { status } = ended;
  if (status === 'denied') played.outcome = world.expired ? 'expired' : 'denied';
  else if (status === 'refused' || status === 'cancelled' || status === 'failed') played.outcome = status;
  else played.outcome = [...last.values()].includes('simulated') ? 'simulated' : 'completed';
}

/** The facts as an incident has them; what an alert does not say is empty, as a detector's field may be. */
function factsOf(scenario: Scenario, playbook: Playbook, inputs: JsonObject): Facts {
  const { name, given } = scenario;
  const severity: Severity = given.severity ?? given.alert?.severity ?? playbook.severity ?? 'high';
  const at = new Date(start).toISOString();
  const alert: JsonObject =
    given.alert === undefined
      ? {}
      : {
          source: 'scenario',
          id: 'scenario',
          rule: '',
          severity,
          summary: '',
          cluster: '',
          namespace: '',
          pod: '',
          container: '',
          image: '',
          fields: {},
          detectedAt: at,
          receivedAt: at,
          owner: detector,
          raw: { digest: sha256(''), size: 0, mediaType: 'application/json' },
          ...jsonCopy(given.alert),
        };
  const incident = {
    id: 'inc-0000000000000000-aaaaaa',
    title: given.alert?.rule ?? name,
    severity,
    mode: given.mode ?? 'approve',
    requester: requesterOf(scenario),
  };
  return { inputs, alert, incident };
}

/** Whose token an alert came with, when it does not say. */
const detector = 'detector';

/** Who opened the incident: the owner of the alert's token, or the person who ran the playbook. */
function requesterOf({ given }: Scenario): string {
  if (given.requester !== undefined) return given.requester;
  return given.alert === undefined ? 'requester' : (given.alert.owner ?? detector);
}
