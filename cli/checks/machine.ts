import { access, constants, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode } from '../../domain/errors.ts';
import { openKillSwitch } from '../../stores/kill-switch.ts';
import type { Configuration } from '../../worker/config/load.ts';
import { exists } from '../exists.ts';
import { failed, ok, skipped, warning, type Check } from './check.ts';

const neededNode = [24, 15] as const;

export function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const enough = major > neededNode[0] || (major === neededNode[0] && minor >= neededNode[1]);
  return enough
    ? ok('node', process.version)
    : failed('node', process.version, `install Node ${neededNode.join('.')} or newer`);
}

/** Whether the state directory can be written, by writing. */
export async function checkState({ state }: Configuration): Promise<Check[]> {
  if (!(await exists(state))) {
    const parent = await nearest(dirname(state));
    try {
      await access(parent, constants.W_OK);
      return [skipped('state', `${state} is not there yet: firebreak up makes it`)];
    } catch (error) {
      return [
        failed(
          'state',
          `${state} cannot be made in ${parent} (${systemCode(error)})`,
          'correct state, or its rights',
        ),
      ];
    }
  }
  try {
    const probe = await mkdtemp(join(state, '.doctor-'));
    await rm(probe, { recursive: true });
  } catch (error) {
    return [
      failed(
        'state',
        `${state} cannot be written (${systemCode(error)})`,
        'correct its rights, or free some space',
      ),
    ];
  }
  return [ok('state', `${state} can be written`), await checkKillSwitch(state)];
}

async function checkKillSwitch(state: string): Promise<Check> {
  const { stopped, by, reason } = await (await openKillSwitch(join(state, 'kill-switch'))).read();
  if (!stopped) return ok('kill switch', 'off: changes pass');
  return warning(
    'kill switch',
    `ON, no change is made: ${by}: ${reason}`,
    'firebreak kill-switch off --reason …',
  );
}

async function nearest(dir: string): Promise<string> {
  return (await exists(dir)) || dirname(dir) === dir ? dir : nearest(dirname(dir));
}
