import type { Action } from '../../domain/action.ts';
import type { SecretStores } from '../../domain/secret.ts';
import type { ForgeRegistry } from './forges.ts';
import { cancelRuns } from './github-cancel-runs.ts';
import { disableWorkflow } from './github-disable-workflow.ts';
import { replaceActionsSecret } from './github-replace-actions-secret.ts';
import { revokeToken } from './github-revoke-token.ts';
import { gitHubs } from './github/index.ts';
import { gitlabReplaceVariable } from './gitlab-replace-variable.ts';
import { gitlabResetRunnerToken } from './gitlab-reset-runner-token.ts';
import { gitlabRevokeToken } from './gitlab-revoke-token.ts';
import { gitlabRotateToken } from './gitlab-rotate-token.ts';

export interface CiOptions {
  forges: ForgeRegistry;
  secrets: SecretStores;
}

/** Every action on forges and their CI. A new one is a file and a line here. Whoever calls one parses its input by its own schema first. */
export function ciActions(options: CiOptions): Action[] {
  const github = gitHubs(options.forges);
  const { secrets } = options;
  return [
    revokeToken({ github, secrets }),
    replaceActionsSecret({ github, secrets }),
    disableWorkflow({ github }),
    cancelRuns({ github }),
    gitlabRotateToken(options),
    gitlabRevokeToken(options),
    gitlabResetRunnerToken(options),
    gitlabReplaceVariable(options),
  ];
}
