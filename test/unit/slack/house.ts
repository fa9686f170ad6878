import fastify, { type FastifyInstance } from 'fastify';
import type { AccessRecord } from '../../../domain/access-log.ts';
import type { IncidentView } from '../../../domain/incident.ts';
import type { Signer } from '../../../domain/signature.ts';
import { createDecisionService } from '../../../gateway/decisions.ts';
import { createDirectory } from '../../../gateway/people.ts';
import { createSlackGateway } from '../../../gateway/slack/index.ts';
import { slackActivities, slackClient, type SlackActivities } from '../../../activities/slack/index.ts';
import { startSlack, type SlackOptions, type SlackTestbed } from '../../../testbed/slack.ts';
import { view } from '../../support/asking-incident.ts';
import type { CommandArguments, DecideArguments } from '../../../workflows/contract.ts';

/** The gateway's Slack door and the activities against a Slack on this machine; the incident behind them only remembers, and refuses when told. */
export interface House {
  slack: SlackTestbed;
  app: FastifyInstance;
  activities: SlackActivities;
  /** By Update id, as Temporal keeps them: the same id twice is one Update. */
  decisions: Map<string, DecideArguments['payload']>;
  commands: Map<string, CommandArguments['payload']>;
  /** Calls to the incident, repeated ones included. */
  calls: number;
  /** What the incident answers instead of taking a decision or command. */
  refuse: { with: Error | undefined; afterMs: number };
  access: AccessRecord[];
  logs: string[];
  clock: { offsetMs: number };
  /** How the incident says that it stands. */
  view: IncidentView;
  stop(): Promise<void>;
}

const signer: Signer = {
  publicKey: { id: 'ed25519:0000000000000000', key: '' },
  sign: (payload) => Promise.resolve({ payload, keyId: 'ed25519:0000000000000000', signature: '' }),
};

export async function startHouse(
  options: SlackOptions & { replayFile?: string; socketMode?: boolean; unlisted?: string[] } = {},
): Promise<House> {
  const users = options.users ?? [{ name: 'alice' }, { name: 'bob' }];
  const slack = await startSlack({ ...options, users });
  const people = users
    .filter(({ name }) => !(options.unlisted ?? []).includes(name))
    .map(({ name }) => {
      const { id, teamId } = slack.users[name] ?? { id: '', teamId: '' };
      // `alice2` is Alice's second account.
      return { person: name.replace(/\d$/, ''), identity: { team: teamId, user: id } };
    });
  const directory = createDirectory(
    [...Map.groupBy(people, ({ person }) => person)].map(([id, all]) => ({
      id,
      name: id,
      groups: ['responders'],
      slack: all.map(({ identity }) => identity),
    })),
  );
  const access: AccessRecord[] = [];
  const accessLog = {
    append: (record: AccessRecord) => Promise.resolve(void access.push(record)),
    read: () => Promise.resolve([]),
  };
  const logs: string[] = [];
  const app = fastify({
    logger: { level: 'trace', stream: { write: (line: string) => void logs.push(line) } },
  });
  const house: Omit<House, 'activities' | 'slack' | 'app' | 'access' | 'logs' | 'stop'> = {
    decisions: new Map(),
    commands: new Map(),
    calls: 0,
    refuse: { with: undefined, afterMs: 0 },
    clock: { offsetMs: 0 },
    view: view(),
  };
  async function take<T>(into: Map<string, T>, id: string, value: T): Promise<void> {
    house.calls += 1;
    const { with: error, afterMs } = house.refuse;
    if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs));
    if (error !== undefined) throw error;
    if (!into.has(id)) into.set(id, value);
  }
  const decisions = createDecisionService({
    incidents: {
      decide: (_workflow, id, { payload }) => take(house.decisions, id, payload),
      command: (_workflow, id, { payload }) => take(house.commands, id, payload),
      status: () => Promise.resolve(structuredClone(house.view)),
    },
    directory,
    signer,
    accessLog,
    now: () => new Date(),
  });
  const gateway = createSlackGateway({
    signingSecret: slack.signingSecret,
    botToken: slack.botToken,
    apiUrl: slack.apiUrl,
    directory,
    accessLog,
    logger: app.log,
    now: () => Date.now() + house.clock.offsetMs,
    ...(options.replayFile === undefined ? {} : { replayFile: options.replayFile }),
    ...(options.socketMode === true ? { socketMode: { appToken: slack.appToken } } : {}),
  });
  await gateway.register(app, { decisions });
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  slack.setInteractivityUrl(`${address}/slack/interactions`);
  const client = slackClient({ botToken: slack.botToken, apiUrl: slack.apiUrl, timeoutMs: 2_000 });
  const activities = slackActivities({ client, groups: { responders: 'S012AB3CD' } });
  return Object.assign(house, {
    slack,
    app,
    activities,
    access,
    logs,
    async stop() {
      await app.close();
      await slack.stop();
    },
  });
}
