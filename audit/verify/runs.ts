import type { Digest, JsonObject } from '../../domain/json.ts';
import type { PublicKey } from '../../domain/signature.ts';
import { incidentWorkflow, type HistorySeal, type Seal } from '../../workflows/contract.ts';
import { historyName, historySealName, runOf, signedHistorySealShape } from '../bundle/layout.ts';
import { jsonOf, shapeOf } from '../bundle/parse.ts';
import type { Files } from '../bundle/read.ts';
import { quote, type Findings } from '../findings.ts';
import {
  activitiesOf,
  eventsOf,
  eventTypes,
  isPlainHistory,
  object,
  payloadsOf,
  terminalTypes,
  text,
  type HistoryEvent,
  type ScheduledActivity,
} from '../history.ts';
import { inOrder } from './chain.ts';
import { checkSignature } from './container.ts';

/** One run of the incident as its history tells it. */
export interface Run {
  run: string;
  file: string;
  events: HistoryEvent[];
  activities: ScheduledActivity[];
  /** The workflow's argument. */
  input: JsonObject;
  workflowId: string;
  /** The run before, after a continue-as-new. */
  continues: string;
  /** False: what is checked here and what would be replayed may differ, or the replay would wait for events that are not there. */
  replayable: boolean;
}

/**
 * What the workflow SDK 1.24 writes into the first completed task: 1 makes a replay compare activity ids, 2 search attributes, 3 the order of
 * commands at the end. A replay obeys the flags that it finds, so a history without them proves less than it seems to.
 */
const coreFlags = [1, 2, 3];

/** Every history: its seal, its form, its events. In the order in which the runs followed each other. */
export function checkRuns(
  files: Files,
  incident: string | undefined,
  seal: Seal | undefined,
  trusted: PublicKey,
  findings: Findings,
): Run[] {
  const runs: Run[] = [];
  for (const file of files.keys()) {
    const run = runOf(file);
    if (run === undefined) continue;
    const sealed = checkHistorySeal(files, run, incident, trusted, findings);
    const value = jsonOf(files, file, findings);
    if (value === undefined) continue;
    const plain = isPlainHistory(value);
    if (!plain)
      findings.add(
        'FB5108',
        file,
        '',
        'this is not how Temporal writes a history: a field it does not know, or another spelling',
      );
    const events = eventsOf(value);
    const started = events[0]?.attributes ?? {};
    const one: Run = {
      run,
      file,
      events,
      activities: activitiesOf(events),
      input: object(payloadsOf(started['input'])[0]),
      workflowId: text(started['workflowId']),
      continues: text(started['continuedExecutionRunId']),
      replayable: plain && events.every(({ id }, index) => id === index + 1),
    };
    checkEvents(one, sealed, incident, findings);
    runs.push(one);
  }
  return inOrder(runs, seal, findings);
}

function checkHistorySeal(
  files: Files,
  run: string,
  incident: string | undefined,
  trusted: PublicKey,
  findings: Findings,
): HistorySeal | undefined {
  const name = historySealName(run);
  const signed = shapeOf(files, name, signedHistorySealShape, findings);
  if (signed === undefined) return undefined;
  checkSignature(signed, 'firebreak/history/v1', trusted, ['FB5205', 'FB5206'], name, findings);
  const seal = signed.payload;
  const found: Digest | undefined = files.get(historyName(run))?.digest;
  if (found !== seal.history) {
    findings.add('FB5208', historyName(run), '', 'the bytes of the history are not those that were sealed', {
      expected: seal.history,
      found,
    });
  }
  if (seal.runId !== run) {
    findings.add('FB5208', name, '', 'the seal is of another run', { expected: run, found: seal.runId });
  }
  if (incident !== undefined && seal.incident !== incident) {
    findings.add('FB5109', name, '', 'the seal is of another incident', {
      expected: incident,
      found: seal.incident,
    });
  }
  return seal;
}

function checkEvents(
  run: Run,
  sealed: HistorySeal | undefined,
  incident: string | undefined,
  findings: Findings,
): void {
  const { file, events, input, workflowId } = run;
  const wrong = events.findIndex(({ id }, index) => id !== index + 1);
  if (wrong !== -1) {
    findings.add('FB5401', file, `event ${wrong + 1}`, 'event ids are not 1, 2, 3 … without gaps', {
      expected: wrong + 1,
      found: events[wrong]?.id,
    });
  }
  if (sealed !== undefined && sealed.events !== events.length) {
    findings.add(
      'FB5410',
      file,
      '',
      events.length < sealed.events ? 'the tail of the history is missing' : 'events follow the sealed ones',
      {
        expected: sealed.events,
        found: events.length,
      },
    );
  }
  if (sealed !== undefined && sealed.workflowId !== workflowId) {
    findings.add('FB5411', file, 'event 1', 'the workflow id is not the sealed one', {
      expected: sealed.workflowId,
      found: workflowId,
    });
  }
  const first = events[0];
  if (first?.type !== eventTypes.started) {
    findings.add('FB5401', file, 'event 1', 'the history does not begin with its start');
    return;
  }
  const type = text(object(first.attributes['workflowType'])['name']);
  if (type !== incidentWorkflow) {
    findings.add('FB5411', file, 'event 1', 'the workflow is no incident', {
      expected: incidentWorkflow,
      found: type,
    });
  }
  if (text(first.attributes['originalExecutionRunId']) !== run.run) {
    findings.add('FB5411', file, 'event 1', 'the history is of another run than its name says', {
      expected: run.run,
      found: first.attributes['originalExecutionRunId'],
    });
  }
  if (incident !== undefined && input['incident'] !== incident) {
    findings.add('FB5109', file, 'event 1', 'the history is of another incident', {
      expected: incident,
      found: input['incident'],
    });
  }
  checkFlags(run, findings);
  checkEnd(run, findings);
}

function checkFlags({ file, events }: Run, findings: Findings): void {
  const task = events.find(({ type }) => type === eventTypes.taskCompleted);
  const flags = object(task?.attributes['sdkMetadata'])['coreUsedFlags'];
  const present = Array.isArray(flags) ? flags : [];
  for (const flag of coreFlags) {
    if (present.includes(flag)) continue;
    findings.add(
      'FB5403',
      file,
      `event ${task?.id ?? 0}`,
      flag === 1
        ? 'without core flag 1 a replay does not compare activity ids: it was stripped, or another SDK made the history'
        : `core flag ${flag}, which the SDK sets in the first completed task, is missing`,
      { expected: coreFlags, found: present },
    );
  }
}

function checkEnd({ file, events }: Run, findings: Findings): void {
  const ends = events.filter(
    ({ type }) => terminalTypes.includes(type) || type === eventTypes.continuedAsNew,
  );
  const last = events.at(-1);
  if (ends.length === 0) {
    findings.add(
      'FB5402',
      file,
      `event ${last?.id ?? 0}`,
      'the history does not end: its tail was removed, or it was exported while it ran',
      {
        found: last?.type,
      },
    );
  } else if (ends.length > 1 || ends[0] !== last) {
    findings.add(
      'FB5402',
      file,
      `event ${ends[0]?.id ?? 0}`,
      `events follow ${quote(ends[0]?.type)}, after which there are none`,
    );
  }
}
