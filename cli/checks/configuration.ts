import { loadCredentials } from '../../activities/kubernetes/credentials.ts';
import { compileGenericSource } from '../../gateway/detectors/generic.ts';
import { compileRoutes, RoutesInvalid } from '../../gateway/routes.ts';
import type { Problem } from '../../language/compile/problem.ts';
import type { CompiledPlaybook } from '../../language/run/playbook.ts';
import { catalogue } from '../../worker/catalogue.ts';
import {
  ConfigurationError,
  loadConfiguration,
  readSecret,
  type Configuration,
} from '../../worker/config/load.ts';
import type { SecretReference } from '../../worker/config/schema.ts';
import { loadPlaybooks } from '../../worker/playbooks.ts';
import { readText } from '../../worker/read-text.ts';
import { attempt, failed, ok, warning, type Check } from './check.ts';
import { checkKeys, checkPrivate } from './files.ts';
import { checkImages } from './images.ts';
import { checkPeople } from './people.ts';

export interface CheckedConfiguration {
  checks: Check[];
  /** Absent when the file itself cannot be used. */
  configuration?: Configuration;
}

/** Everything about a configuration that can be known without calling anybody: all problems, not the first. */
export async function checkConfiguration(path: string): Promise<CheckedConfiguration> {
  let configuration: Configuration;
  try {
    configuration = await loadConfiguration(path);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return {
      checks: error.problems.map(({ file, line, column, field, message }) =>
        failed(`${file}:${line}:${column}${field === '' ? '' : ` ${field}`}`, message),
      ),
    };
  }
  const playbooks = new Map<string, CompiledPlaybook>();
  const checks = [
    ok('configuration', configuration.file),
    ...(await attempt('playbooks', () => checkPlaybooks(configuration, playbooks))),
    ...(await attempt('people', () => checkPeople(configuration, playbooks))),
    ...(await checkRoutes(configuration, playbooks)),
    ...(await checkSources(configuration)),
    ...(await checkSecrets(configuration)),
    ...(await checkImages(configuration)),
    ...(await checkKubeconfigs(configuration)),
    ...(await checkKeys(configuration)),
  ];
  return { checks, configuration };
}

async function checkPlaybooks(
  { playbooks: dir }: Configuration,
  found: Map<string, CompiledPlaybook>,
): Promise<Check[]> {
  const { playbooks, problems, warnings } = await loadPlaybooks(dir, catalogue().signatures);
  for (const [id, playbook] of playbooks) found.set(id, playbook);
  if (playbooks.size === 0 && problems.length === 0)
    return [failed('playbooks', `${dir} holds none`, 'put one into <folder>/playbook.yaml')];
  const summary = playbooks.size === 0 ? [] : [ok('playbooks', [...playbooks.keys()].join(', '))];
  return [...summary, ...[...problems, ...warnings].map(asCheck)];
}

function asCheck({ severity, code, file, line, column, field, message, fix }: Problem): Check {
  const name = `${file}:${line}:${column}${field === '' ? '' : ` ${field}`}`;
  return severity === 'error'
    ? failed(name, `${code}: ${message}`, fix)
    : warning(name, `${code}: ${message}`, fix);
}

async function checkRoutes(
  { routes: file }: Configuration,
  playbooks: ReadonlyMap<string, CompiledPlaybook>,
): Promise<Check[]> {
  return attempt('routes', async () => {
    try {
      const routes = compileRoutes({ file, text: await readText('routes', file) }, playbooks);
      if (routes.length > 0) return [ok('routes', routes.map(({ name }) => name).join(', '))];
      return [warning('routes', `${file} holds none: no alert starts anything`, 'add a route')];
    } catch (error) {
      if (!(error instanceof RoutesInvalid)) throw error;
      return error.problems.map(({ file: at, line, column, field, message, fix }) =>
        failed(`${at}:${line}:${column} ${field}`, message, fix),
      );
    }
  });
}

async function checkSources({ sources }: Configuration): Promise<Check[]> {
  const checks: Check[] = [];
  for (const [name, source] of Object.entries(sources)) {
    const field = `sources.${name}`;
    checks.push(
      ...(await attempt(field, () => {
        compileGenericSource({ name, ...source });
        return [ok(field, 'its expressions can be read')];
      })),
    );
  }
  return checks;
}

async function checkSecrets({ slack, temporal, metrics, registries }: Configuration): Promise<Check[]> {
  const references: [string, SecretReference | undefined][] = [
    ['temporal.apiKey', temporal.apiKey],
    ['slack.signingSecret', slack?.signingSecret],
    ['slack.botToken', slack?.botToken],
    ['slack.socketMode.appToken', slack?.socketMode?.appToken],
    ...metrics.flatMap(({ name, token, password }): [string, SecretReference | undefined][] => [
      [`metrics.${name}.token`, token],
      [`metrics.${name}.password`, password],
    ]),
    ...registries.flatMap((registry): [string, SecretReference | undefined][] => {
      if (registry.kind !== 'oci') return [];
      const { name, credentials, mirrors = [] } = registry;
      return [
        [`registries.${name}.credentials.password`, credentials?.password],
        ...mirrors.map((mirror, at): [string, SecretReference | undefined] => [
          `registries.${name}.mirrors[${at}].credentials.password`,
          mirror.credentials?.password,
        ]),
      ];
    }),
  ];
  const checks: Check[] = [];
  for (const [field, reference] of references) {
    if (reference === undefined) continue;
    checks.push(
      ...(await attempt(field, async () => {
        await readSecret(field, reference);
        if ('file' in reference) return [await checkPrivate(field, reference.file)];
        return [ok(field, `${reference.env} is set`)];
      })),
    );
  }
  if (temporal.apiKey !== undefined && !temporal.tls)
    checks.push(failed('temporal.tls', 'an API key would be sent in clear text', 'set temporal.tls: true'));
  return checks;
}

async function checkKubeconfigs({ clusters }: Configuration): Promise<Check[]> {
  const checks: Check[] = [];
  const seen = new Set<string>();
  for (const cluster of clusters) {
    const field = `clusters.${cluster.name}`;
    if (seen.has(cluster.name))
      checks.push(failed(field, 'two clusters have this name', 'give each its own'));
    seen.add(cluster.name);
    checks.push(
      ...(await attempt(`${field}.kubeconfig`, async () => {
        await loadCredentials(cluster).close();
        return [await checkPrivate(`${field}.kubeconfig`, cluster.kubeconfig)];
      })),
    );
  }
  return checks;
}
