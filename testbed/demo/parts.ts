import { join } from 'node:path';
import { startKubernetes, type Kubernetes } from '../kubernetes.ts';
import { startSlack, type SlackTestbed } from '../slack.ts';
import { startTemporal, type Temporal } from '../temporal.ts';
import { engineUser, Firebreak, kubectl } from './firebreak.ts';

export const people = ['ada', 'ben', 'dana', 'eve'] as const;
const groups: { [name: string]: string[] } = { eve: ['leads'] };

export interface Parts {
  kubernetes: Kubernetes;
  temporal: Temporal;
  slack: SlackTestbed;
  /** Configured, and not up yet. */
  firebreak: Firebreak;
  channel: string;
}

/** Everything around one Firebreak, up and ready. What must be stopped is put into `ending` as it starts, the last first to go. */
export async function startParts(dir: string, ending: (() => Promise<void>)[], nodes = 1): Promise<Parts> {
  const slack = await startSlack({
    users: people.map((name) => ({ name })),
    channels: [{ name: 'incidents' }],
  });
  ending.push(() => slack.stop());
  const kubernetes = await startKubernetes({ nodes });
  ending.push(() => kubernetes.stop());
  const temporal = await startTemporal({ dbFilename: join(dir, 'temporal.db') });
  ending.push(() => temporal.stop());
  const channel = slack.channels.incidents;
  if (channel === undefined) throw new Error('the channel is missing');
  const firebreak = await Firebreak.prepare({
    dir,
    kubernetes,
    slack,
    temporal,
    channel,
    people: people.map((name) => ({
      id: name,
      name: `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`,
      groups: groups[name] ?? ['responders'],
      slack: [{ team: slack.teamId, user: slack.users[name]?.id }],
    })),
  });
  ending.push(() => firebreak.stop());
  return { kubernetes, temporal, slack, firebreak, channel };
}

/**
 * Gives the engine the rights that its actions need, or those of these playbooks alone, and no more.
 * @throws Error with what kubectl said
 */
export async function grantRights(
  kubernetes: Kubernetes,
  firebreak: Firebreak,
  playbooks?: readonly string[],
): Promise<void> {
  const which = playbooks === undefined ? ['--all-actions'] : ['--playbook', ...playbooks];
  const { stdout } = await firebreak.command([
    'permissions',
    '--system',
    'kubernetes',
    '--user',
    engineUser,
    ...which,
  ]);
  // Playbooks that change nothing in a cluster need nothing there, and kubectl refuses an empty list.
  if (!/^kind:/m.test(stdout)) return;
  const granted = await kubectl(kubernetes, kubernetes.adminKubeconfig, ['apply', '-f', '-'], stdout);
  if (granted.code !== 0) throw new Error(granted.stderr);
}
