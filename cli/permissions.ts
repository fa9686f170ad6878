import { rbacManifests, type RbacOptions } from '../activities/kubernetes/rbac.ts';
import { catalogue } from '../worker/catalogue.ts';
import { loadConfiguration } from '../worker/config/load.ts';
import { configurationSchema } from '../worker/config/schema.ts';
import { exists } from './exists.ts';
import { findPlaybook } from './find-playbook.ts';

/** The RBAC of all actions there are, or of those that one playbook and its children use, for the responder group of the configuration where one is at hand. */
export async function permissionManifests(wish: {
  config: string;
  engine: RbacOptions['engine'];
  responderGroup?: string;
  /** Id or file. */
  playbook?: string;
}): Promise<ReturnType<typeof rbacManifests>> {
  const responderGroup = wish.responderGroup ?? (await configuredGroup(wish.config));
  const { actions, signatures } = catalogue();
  const used =
    wish.playbook === undefined
      ? undefined
      : (await findPlaybook(wish.playbook, wish.config, signatures)).playbook.actions;
  const permissions = actions
    .filter(({ name }) => used === undefined || Object.hasOwn(used, name))
    .flatMap((action) => action.permissions);
  return rbacManifests({ permissions, engine: wish.engine, responderGroup });
}

async function configuredGroup(config: string): Promise<string> {
  if (await exists(config)) return (await loadConfiguration(config)).responderGroup;
  return configurationSchema.shape.responderGroup.parse(undefined);
}
