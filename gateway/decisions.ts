import { randomBytes } from 'node:crypto';
import type { AccessLog } from '../domain/access-log.ts';
import { gateDigest, type Cancellation, type Command, type Decision, type Gate } from '../domain/decision.ts';
import { answersProblem } from '../domain/form.ts';
import { digest as digestOf, type Digest, type JsonObject } from '../domain/json.ts';
import type { Signer } from '../domain/signature.ts';
import { workflowIdOf } from '../workflows/contract.ts';
import type { Directory } from './people.ts';
import { Problem } from './problem.ts';
import {
  NotOpen,
  Refused,
  TemporalUnavailable,
  WorkerUnavailable,
  type IncidentPort,
} from './temporal-port.ts';

export interface DecisionRequest {
  incident: string;
  gate: string;
  /** The digest the person was shown. */
  digest: Digest;
  verdict: 'approve' | 'deny';
  /** Person id, authenticated by the caller. */
  person: string;
  reason?: string;
  /** What a form was filled in with. */
  answers?: JsonObject;
  via: 'slack' | 'api';
  /** Which of the person's accounts it came from, where there may be several: a second one's voice is judged, and refused, by itself. */
  account?: string;
}

export interface CommandRequest {
  incident: string;
  command: Command['command'];
  /** Of a cancel: what becomes of the playbook. */
  then?: Cancellation;
  person: string;
  reason: string;
  via: 'slack' | 'api';
  /** The same nonce sent twice is one command; random when absent. */
  nonce?: string;
}

/** Signs what an authenticated person said and brings it to the incident, which alone judges whether that person may. */
export interface DecisionService {
  /** Resolves once the incident has taken the decision. @throws Problem */
  decide(request: DecisionRequest): Promise<void>;
  /** Resolves once the incident has taken the command. @throws Problem */
  command(request: CommandRequest): Promise<void>;
  /** An open question, as its incident asks it now. @throws Problem when it is not open, or not the one that was shown */
  question(shown: Pick<DecisionRequest, 'incident' | 'gate' | 'digest'>): Promise<Gate>;
}

export interface DecisionDependencies {
  incidents: Pick<IncidentPort, 'decide' | 'command' | 'status'>;
  directory: Pick<Directory, 'person'>;
  signer: Signer;
  accessLog: AccessLog;
  now: () => Date;
}

const maxReason = 500;

export function createDecisionService(deps: DecisionDependencies): DecisionService {
  /** Runs one call and leaves exactly one line in the access log, whatever becomes of it. */
  async function recorded(
    kind: 'decision' | 'command',
    request: DecisionRequest | CommandRequest,
    call: (workflowId: string) => Promise<void>,
  ): Promise<void> {
    const detail = {
      via: request.via,
      ...('gate' in request
        ? { gate: request.gate, digest: request.digest, verdict: request.verdict }
        : { command: request.command, ...(request.then === undefined ? {} : { then: request.then }) }),
    };
    const line = { kind, actor: request.person, incident: request.incident, detail };
    try {
      const workflowId = workflowIdOf(request.incident);
      if (workflowId === undefined) throw notFound(request.incident);
      if (deps.directory.person(request.person) === undefined) {
        throw new Problem(403, 'FB1103', 'the person is not in the directory, or no longer active');
      }
      await call(workflowId);
    } catch (error) {
      const problem = asProblem(error, request.incident);
      await deps.accessLog.append({
        ...line,
        outcome: 'refused',
        code: problem.code,
        detail: { ...detail, why: problem.detail },
      });
      throw problem;
    }
    await deps.accessLog.append({ ...line, outcome: 'accepted' });
  }

  async function asked({
    incident,
    gate,
    digest,
  }: Parameters<DecisionService['question']>[0]): Promise<Gate> {
    const workflowId = workflowIdOf(incident);
    if (workflowId === undefined) throw notFound(incident);
    const view = await deps.incidents.status(workflowId);
    // The workflow's id may be a successor's by now.
    const open = view.incident === incident ? view.gates.find((one) => one.gate.id === gate) : undefined;
    if (open === undefined) {
      const why = 'this question is not open: it was answered, has expired or was replaced';
      throw new Problem(409, 'FB4003', why, { incident });
    }
    if (open.digest !== digest || gateDigest(open.gate) !== digest) {
      const why = 'what was shown is not what is asked now: read the current question and decide on that';
      throw new Problem(409, 'FB4004', why, { incident });
    }
    return open.gate;
  }

  /** Asks the incident for the form, so that a wrong answer is named by its field. The incident checks it once more. */
  async function checkAnswers(request: DecisionRequest, answers: JsonObject): Promise<void> {
    if (request.verdict === 'deny')
      throw new Problem(422, 'FB1007', 'answers: a denial has none; leave them out');
    const { form } = await asked(request);
    if (form === undefined)
      throw new Problem(422, 'FB1504', 'answers: this question has no form; leave them out');
    const problem = answersProblem(form, answers);
    if (problem === undefined) return;
    const { field, message } = problem;
    const name = field.isWellFormed() ? field.slice(0, 100) : 'a name';
    throw new Problem(422, 'FB1504', `answers.${name} ${message}`, { answer: field });
  }

  return {
    question: async (shown) => {
      try {
        return await asked(shown);
      } catch (error) {
        throw asProblem(error, shown.incident);
      }
    },

    decide: (request) =>
      recorded('decision', request, async (workflowId) => {
        const { incident, gate, digest, verdict, person, via, account, answers } = request;
        const reason = checkedReason(request.reason, verdict === 'deny');
        if (answers !== undefined) await checkAnswers(request, answers);
        const decision: Decision = {
          type: 'firebreak/decision/v1',
          incident,
          gate,
          digest,
          verdict,
          person,
          ...(reason === '' ? {} : { reason }),
          ...(answers === undefined ? {} : { answers }),
          via,
          at: deps.now().toISOString(),
        };
        // All that was said is part of the id: a redelivery is one decision, and a changed mind is judged, not answered with the first one's result.
        const said = answers === undefined ? verdict : `${verdict}/${digestOf(answers)}`;
        await deps.incidents.decide(
          workflowId,
          [gate, person, said, ...(account === undefined ? [] : [account])].join('/'),
          await deps.signer.sign(decision),
        );
      }),

    command: (request) =>
      recorded('command', request, async (workflowId) => {
        const { incident, command, then, person, via } = request;
        const nonce = request.nonce ?? randomBytes(16).toString('hex');
        const signed = await deps.signer.sign<Command>({
          type: 'firebreak/command/v1',
          incident,
          command,
          ...(then === undefined ? {} : { then }),
          person,
          reason: checkedReason(request.reason, true),
          via,
          at: deps.now().toISOString(),
          nonce,
        });
        await deps.incidents.command(workflowId, nonce, signed);
      }),
  };
}

function checkedReason(reason: string | undefined, required: boolean): string {
  const text = (reason ?? '').trim();
  if (required && text === '') throw new Problem(422, 'FB1007', 'reason: say why, in a sentence');
  if (text.length > maxReason) throw new Problem(422, 'FB1007', `reason: at most ${maxReason} characters`);
  if (!text.isWellFormed()) throw new Problem(422, 'FB1007', 'reason: must be well-formed Unicode text');
  return text;
}

export function notFound(incident: string): Problem {
  return new Problem(404, 'FB1501', `there is no incident ${JSON.stringify(incident.slice(0, 64))}`);
}

/** The workflow's refusals that are about the person; the others are about the incident's state. */
const aboutPerson: ReadonlySet<string> = new Set(['FB4007', 'FB4008', 'FB4011']);
/** Those about what was said. */
const aboutContent: ReadonlySet<string> = new Set(['FB4020', 'FB4021']);

function asProblem(error: unknown, incident: string): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof Refused) {
    const code = error.code ?? 'FB1502';
    const status = aboutPerson.has(code) ? 403 : aboutContent.has(code) ? 422 : 409;
    return new Problem(status, code, error.message, { incident });
  }
  if (error instanceof NotOpen) return new Problem(409, 'FB1503', 'the incident is closed', { incident });
  if (error instanceof TemporalUnavailable) {
    return new Problem(503, 'FB1401', 'Temporal cannot be reached; nothing was recorded, send it again', {
      retryAfter: 5,
    });
  }
  if (error instanceof WorkerUnavailable) {
    return new Problem(503, 'FB1403', 'no worker answered in time; send it again, it counts once', {
      retryAfter: 5,
    });
  }
  return new Problem(500, 'FB1900', 'the gateway failed; its log has the request id', { cause: error });
}
