import { userInfo } from 'node:os';
import { openState, type State } from '../stores/index.ts';
import { loadConfiguration, type Configuration } from '../worker/config/load.ts';
import { exists } from './exists.ts';
import { CliError } from './failure.ts';

/**
 * Opens the state directory of the configuration, for a command that works on it directly.
 * @throws CliError FB6111 when there is none: a command that only looks must not make one
 */
export async function openExistingState(
  config: string,
): Promise<{ configuration: Configuration; state: State }> {
  const configuration = await loadConfiguration(config);
  if (!(await exists(configuration.state))) {
    throw new CliError(
      'FB6111',
      'usage',
      `state: ${configuration.state} is not there: run this on the machine that has it, or firebreak up to make it`,
    );
  }
  return { configuration, state: await openConfiguredState(configuration) };
}

/** Opens the state directory, and makes it when it is not there. */
export function openConfiguredState({ state, evidence, limits }: Configuration): Promise<State> {
  return openState(state, { ...evidence, maxRefusalsPerMinute: limits.refusalsPerMinute });
}

/** Who works on the state directory without the gateway: the user of this machine. */
export function localUser(): string {
  return `local:${userInfo().username}`;
}
