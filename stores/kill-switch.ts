import { z } from 'zod';
import { canonical } from '../domain/json.ts';
import type { KillSwitch } from '../domain/kill-switch.ts';
import { openFolder } from './durable.ts';
import { parseLine } from './json-lines.ts';

const name = ['kill-switch.json'];

const shape = z.strictObject({
  v: z.literal(1),
  stopped: z.boolean(),
  by: z.string(),
  reason: z.string(),
  at: z.iso.datetime(),
});

export interface FileKillSwitch extends KillSwitch {
  /** Lets changes pass, for a state directory that was made just now; a switch that is there already stays as it is. */
  initialise(): Promise<void>;
}

/** The kill switch as a file of its own in `dir`. Missing, unreadable or damaged, it reads as stopped: `read` never throws. */
export async function openKillSwitch(
  dir: string,
  now: () => Date = () => new Date(),
): Promise<FileKillSwitch> {
  const folder = await openFolder(dir);
  const render = (stopped: boolean, by: string, reason: string) =>
    canonical({ v: 1, stopped, by, reason, at: now().toISOString() });
  const unknown = (why: string) => ({
    stopped: true,
    by: `kill switch: ${why}`,
    reason: 'It cannot be read, so it counts as on. Set it again to go on.',
    at: now().toISOString(),
  });
  return {
    async read() {
      let bytes: Buffer | undefined;
      try {
        bytes = await folder.read(name);
      } catch (error) {
        return unknown(error instanceof Error ? error.message : 'unreadable');
      }
      if (bytes === undefined) return unknown('its file is missing');
      const state = parseLine(bytes.toString('utf8'), shape);
      if (state === undefined) return unknown('its file is damaged');
      const { stopped, by, reason, at } = state;
      return { stopped, by, reason, at };
    },
    async set({ stopped, by, reason }) {
      await folder.replace(name, render(stopped, by, reason));
    },
    async initialise() {
      await folder.put(name, render(false, 'firebreak', 'the state directory was created'));
    },
  };
}
