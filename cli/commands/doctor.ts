import { Command } from 'commander';
import type { Check } from '../checks/check.ts';
import { exitCodes } from '../failure.ts';
import { examples } from '../help.ts';
import { note, print } from '../output.ts';
import type { GlobalOptions } from '../options.ts';
import { renderChecks } from '../render/checks.ts';

/** `firebreak doctor`: the configuration, and everybody it needs. */
export function doctorCommand(): Command {
  const command = new Command('doctor')
    .description(
      'Check this machine, Temporal, each cluster and its permissions, Slack, sources of metrics, registries of images, and the configuration.',
    )
    .action(async (_: object, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions>();
      note(
        'Looking; this calls Temporal, the clusters, Slack, the sources of metrics and the registries of images, and changes nothing …',
      );
      const checks = await examine(options.config);
      const good = checks.every(({ state }) => state !== 'failed');
      print(options, { ok: good, checks }, () => renderChecks(checks));
      if (!good) process.exitCode = exitCodes.failed;
    });
  return examples(command, [['firebreak doctor', 'before the first incident, and when something is odd']]);
}

async function examine(config: string): Promise<Check[]> {
  const { checkConfiguration } = await import('../checks/configuration.ts');
  const { checkNode, checkState } = await import('../checks/machine.ts');
  const { checks, configuration } = await checkConfiguration(config);
  if (configuration === undefined) return [checkNode(), ...checks];
  const { checkMetrics, checkSlack, checkTemporal } = await import('../checks/services.ts');
  const { checkCluster } = await import('../checks/cluster.ts');
  const { checkImageRegistries } = await import('../checks/images.ts');
  const { catalogue } = await import('../../worker/catalogue.ts');
  const { actions } = catalogue({}, configuration.secretStores);
  const live = await Promise.all([
    checkState(configuration),
    checkTemporal(configuration),
    checkSlack(configuration),
    checkMetrics(configuration),
    checkImageRegistries(configuration),
    ...configuration.clusters.map((cluster) => checkCluster(cluster, actions)),
  ]);
  return [checkNode(), ...checks, ...live.flat()];
}
