import { LogLevel } from '@slack/web-api';
import { Connection } from '@temporalio/client';
import { connectPrometheus } from '../../activities/metrics/prometheus.ts';
import { timeOf } from '../../activities/metrics/slo-check/measure.ts';
import { slackClient } from '../../activities/slack/index.ts';
import { binary } from '../../testbed/binaries.ts';
import { metricsOf } from '../../worker/catalogue.ts';
import { readSecret, type Configuration } from '../../worker/config/load.ts';
import { attempt, failed, ok, skipped, warning, type Check } from './check.ts';

const timeoutMs = 5_000;
/** Of a source of metrics. */
const maxSkewSeconds = 30;

/** Whether the configured Temporal answers and has the namespace. */
export async function checkTemporal({ temporal }: Configuration): Promise<Check[]> {
  const { address, namespace, tls, apiKey } = temporal;
  if (address === undefined) return checkOwnTemporal();
  return attempt('temporal', async () => {
    const key = apiKey === undefined ? {} : { apiKey: await readSecret('temporal.apiKey', apiKey) };
    let connection: Connection | undefined;
    try {
      connection = await Connection.connect({
        address,
        ...(tls ? { tls: true } : {}),
        ...key,
        connectTimeout: timeoutMs,
      });
      const { workflowService } = connection;
      const info = await connection.withDeadline(Date.now() + timeoutMs, () =>
        workflowService.getSystemInfo({}),
      );
      await connection.withDeadline(Date.now() + timeoutMs, () =>
        workflowService.describeNamespace({ namespace }),
      );
      return [ok('temporal', `${address} answers, server ${info.serverVersion}, namespace ${namespace}`)];
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return [
        failed(
          'temporal',
          `${address}: ${error.message}`,
          'start Temporal, or correct temporal.address, .namespace and .tls',
        ),
      ];
    } finally {
      await connection?.close();
    }
  });
}

async function checkOwnTemporal(): Promise<Check[]> {
  try {
    return [ok('temporal', `none is configured: firebreak up starts its own, ${await binary('temporal')}`)];
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return [
      failed(
        'temporal',
        `none is configured, and there is none to start: ${error.message}`,
        'set temporal.address',
      ),
    ];
  }
}

/** Whether Slack knows the bot token. */
export async function checkSlack({ slack }: Configuration): Promise<Check[]> {
  if (slack === undefined)
    return [skipped('slack', 'not configured: decisions are taken with the firebreak command')];
  return attempt('slack', async () => {
    const client = slackClient({
      botToken: await readSecret('slack.botToken', slack.botToken),
      timeoutMs,
      ...(slack.apiUrl === undefined ? {} : { apiUrl: slack.apiUrl }),
      logger: silent,
    });
    try {
      const { team, user } = await client.auth.test();
      return [ok('slack', `knows the bot token: ${String(user)} in ${String(team)}`)];
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return [
        failed(
          'slack',
          `auth.test: ${error.message}`,
          'correct slack.botToken, or see that Slack can be reached',
        ),
      ];
    }
  });
}

/** Whether each source of metrics lets itself be asked, and its clock agrees. */
export async function checkMetrics({ metrics }: Pick<Configuration, 'metrics'>): Promise<Check[]> {
  const checks = await Promise.all(
    metrics.map(async (configured) => {
      const name = `metrics ${configured.name}`;
      const prometheus = connectPrometheus(metricsOf(configured), AbortSignal.timeout(timeoutMs));
      try {
        const skew = Math.abs(Date.now() / 1000 - (await timeOf(prometheus)));
        return skew <= maxSkewSeconds
          ? ok(name, `${configured.url} answers`)
          : warning(
              name,
              `its clock differs by ${Math.round(skew)} s: \`at\` of a check is read by it`,
              'synchronise it (NTP)',
            );
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        return failed(name, error.message, 'correct its url, token, username and password');
      } finally {
        await prometheus.close();
      }
    }),
  );
  return checks;
}

const nothing = () => undefined;
/** The web API's client logs what it sends; a check says what it found, once. */
const silent = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  setLevel: nothing,
  getLevel: () => LogLevel.ERROR,
  setName: nothing,
};
