import { Command, Option } from 'commander';
import { exitCodes } from '../failure.ts';
import { examples } from '../help.ts';
import { note } from '../output.ts';
import type { GlobalOptions } from '../options.ts';

/** A runner such as npx hands on a Ctrl-C that the terminal has sent to everybody: within this time it is one and the same. Milliseconds. */
const sameSignalMs = 300;

/** `firebreak up`: gateway and worker in this process, until it is told to stop. */
export function upCommand(): Command {
  const command = new Command('up')
    .description('Run Firebreak: gateway and worker, with a Temporal of its own when none is configured.')
    .addOption(
      new Option('--log-level <level>', 'how much is logged')
        .choices(['trace', 'debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .action(async (_: object, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions & { logLevel: string }>();
      const stopped = stopSignal();
      const { loadConfiguration } = await import('../../worker/config/load.ts');
      const configuration = await loadConfiguration(options.config);
      const { createLogger } = await import('../../worker/logger.ts');
      const { up } = await import('../../worker/up.ts');
      const { logTemporalTo } = await import('../../worker/temporal-log.ts');
      note('Firebreak starts …');
      const logger = createLogger(options.logLevel);
      logTemporalTo(logger);
      const { leavesCoreFiles } = await import('../core-files.ts');
      if ((await leavesCoreFiles()) === true)
        logger.warn(
          'a core file of this process would hold its secrets: set its core limit to 0 (SECURITY.md)',
        );
      const running = await up(configuration, { logger });
      note(`Gateway      ${running.url}`);
      note(`Temporal     ${running.temporalAddress}`);
      if (running.temporalUi !== undefined) note(`Temporal UI  ${running.temporalUi}`);
      void running.working.then(() => note('Ready. Ctrl-C stops it.'));
      note(`Stopping on ${await stopped}; once more stops at once …`);
      await running.stop();
      note('Stopped.');
      // What an SDK has left open must not keep a stopped process alive.
      process.exit(exitCodes.ok);
    });
  return examples(command, [
    ['firebreak up', 'with ./firebreak.yaml; logs as JSON lines on standard output'],
    ['firebreak up --config /etc/firebreak/firebreak.yaml', 'as a service: SIGTERM stops it'],
  ]);
}

/** The first signal that asks to stop. A second one ends the process on the spot. */
function stopSignal(): Promise<NodeJS.Signals> {
  const asked = Promise.withResolvers<NodeJS.Signals>();
  let since: number | undefined;
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.on(signal, () => {
      if (since === undefined) {
        since = performance.now();
        asked.resolve(signal);
      } else if (performance.now() - since > sameSignalMs) process.exit(128 + number);
    });
  }
  return asked.promise;
}
