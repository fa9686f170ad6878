import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { placeIn, readDocument } from '../../language/compile/document.ts';
import { milliseconds } from '../../language/compile/duration.ts';
import { fieldOf, suggest } from '../../language/compile/problem.ts';
import { FirebreakError, systemCode } from '../../domain/errors.ts';
import type { Approval } from '../../domain/person.ts';
import { remember } from '../../domain/redaction.ts';
import { configurationSchema, type ConfigurationFile, type SecretReference } from './schema.ts';

/** The configuration, checked, with absolute paths and milliseconds. Secrets are still references: `readSecret` reads them when they are needed. */
export type Configuration = Omit<ConfigurationFile, 'approvals' | 'hold' | 'clusters' | 'registryEvents'> & {
  file: string;
  clusters: (Omit<ConfigurationFile['clusters'][number], 'auditLog'> & { auditLog?: string[] })[];
  registryEvents: { maxBytes: number; maxAgeMs: number };
  approvals: { default: Approval; release: Approval; escalation: string[] };
  holdMs: number;
};

export interface ConfigurationProblem {
  file: string;
  line: number;
  column: number;
  field: string;
  message: string;
}

/** Everything that is wrong with a configuration file. */
export class ConfigurationError extends FirebreakError {
  readonly problems: readonly ConfigurationProblem[];

  constructor(code: string, problems: readonly ConfigurationProblem[]) {
    const lines = problems.map(
      ({ file, line, column, field, message }) =>
        `${file}:${line}:${column}: ${field === '' ? '' : `${field}: `}${message}`,
    );
    super(code, lines.join('\n'));
    this.problems = problems;
  }
}

/**
 * Reads `firebreak.yaml`.
 * @throws ConfigurationError FB6001 (cannot be read), FB6002 (not plain YAML), FB6003 (wrong fields, all of them listed)
 */
export async function loadConfiguration(path: string): Promise<Configuration> {
  const file = resolve(path);
  const problem = (message: string): ConfigurationProblem => ({
    file: path,
    line: 1,
    column: 1,
    field: '',
    message,
  });
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new ConfigurationError('FB6001', [
      problem(
        `cannot be read (${systemCode(error)}): name the file with --config, or copy examples/firebreak.yaml`,
      ),
    ]);
  }
  const place = placeIn(text);
  const reading = readDocument(text);
  if ('findings' in reading) {
    throw new ConfigurationError(
      'FB6002',
      reading.findings.map(({ offset, message, fix }) => ({
        file: path,
        ...place(offset ?? 0),
        field: '',
        message: `${message}; ${fix}`,
      })),
    );
  }
  const { source } = reading;
  const parsed = configurationSchema.safeParse(source.value);
  if (!parsed.success) {
    const problems = parsed.error.issues.flatMap((issue): ConfigurationProblem[] => {
      const at = issue.path.filter((part) => typeof part !== 'symbol');
      if (issue.code === 'unrecognized_keys') {
        return issue.keys.map((key) => ({
          file: path,
          ...place(source.offsetOf([...at, key], true)),
          field: fieldOf([...at, key]),
          message: `unknown key; ${suggest(key, knownKeys)}`,
        }));
      }
      return [{ file: path, ...place(source.offsetOf(at)), field: fieldOf(at), message: issue.message }];
    });
    throw new ConfigurationError('FB6003', problems);
  }
  return resolved(file, parsed.data);
}

function resolved(file: string, read: ConfigurationFile): Configuration {
  const here = (path: string) => resolve(dirname(file), path);
  const { approvals, hold, registryEvents, ...rest } = read;
  const secret = (reference: SecretReference): SecretReference =>
    'file' in reference ? { file: here(reference.file) } : reference;
  const approval = (from: ConfigurationFile['approvals']['default']): Approval => ({
    from: from.from,
    count: from.count,
    withinMs: duration(from.within),
    otherwise: from.otherwise,
  });
  return {
    ...rest,
    file,
    state: here(rest.state),
    routes: here(rest.routes),
    playbooks: here(rest.playbooks),
    clusters: rest.clusters.map(({ auditLog, ...cluster }) => ({
      ...cluster,
      kubeconfig: here(cluster.kubeconfig),
      auditLog: [auditLog ?? []].flat().map(here),
    })),
    forges: rest.forges.map((forge) => {
      if (forge.kind === 'gitlab') return { ...forge, token: secret(forge.token) };
      const { auth, oauth } = forge;
      return {
        ...forge,
        auth:
          'token' in auth ? { token: secret(auth.token) } : { ...auth, privateKey: secret(auth.privateKey) },
        ...(oauth === undefined ? {} : { oauth: { ...oauth, clientSecret: secret(oauth.clientSecret) } }),
      };
    }),
    registries: rest.registries.map((registry) => registryOf(registry, secret)),
    ...(rest.images === undefined ? {} : { images: { policy: here(rest.images.policy) } }),
    metrics: rest.metrics.map(({ token, password, ...source }) => ({
      ...source,
      ...(token === undefined ? {} : { token: secret(token) }),
      ...(password === undefined ? {} : { password: secret(password) }),
    })),
    secretStores: rest.secretStores.map((store) =>
      store.kind === 'file' ? { ...store, directory: here(store.directory) } : store,
    ),
    ...(rest.slack === undefined
      ? {}
      : {
          slack: {
            ...rest.slack,
            signingSecret: secret(rest.slack.signingSecret),
            botToken: secret(rest.slack.botToken),
            ...(rest.slack.socketMode === undefined
              ? {}
              : { socketMode: { appToken: secret(rest.slack.socketMode.appToken) } }),
          },
        }),
    approvals: {
      default: approval(approvals.default),
      release: approval(approvals.release),
      escalation: approvals.escalation,
    },
    registryEvents: { maxBytes: registryEvents.maxBytes, maxAgeMs: duration(registryEvents.keep) },
    holdMs: duration(hold),
  };
}

function registryOf(
  registry: ConfigurationFile['registries'][number],
  secret: (reference: SecretReference) => SecretReference,
): ConfigurationFile['registries'][number] {
  if (registry.kind === 'basic-auth') return registry;
  if (registry.kind === 'harbor') return { ...registry, password: secret(registry.password) };
  type Endpoint = Pick<typeof registry, 'credentials'>;
  const credentials = ({ credentials: given }: Endpoint): Endpoint =>
    given === undefined ? {} : { credentials: { ...given, password: secret(given.password) } };
  return {
    ...registry,
    ...credentials(registry),
    ...(registry.mirrors === undefined
      ? {}
      : { mirrors: registry.mirrors.map((mirror) => ({ ...mirror, ...credentials(mirror) })) }),
  };
}

function duration(text: string): number {
  const value = milliseconds(text);
  if (value === undefined) throw new RangeError(`not a duration: ${text}`);
  return value;
}

/** Keys that could have been meant: of all maps of the file. A wrong place is answered by the schema's own message. */
const knownKeys: readonly string[] = keysOf(z.toJSONSchema(configurationSchema, { io: 'input' }));

function keysOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const own =
    'properties' in schema && typeof schema.properties === 'object' && schema.properties !== null
      ? Object.keys(schema.properties)
      : [];
  return [...new Set([...own, ...Object.values(schema).flatMap(keysOf)])];
}

/**
 * Reads a secret where the configuration says it is, and has redaction know it.
 * @throws FirebreakError FB6004 when it is not there; the message never holds it
 */
export async function readSecret(field: string, reference: SecretReference): Promise<string> {
  if ('env' in reference) {
    const value = process.env[reference.env];
    if (value !== undefined && value !== '') return remembered(value);
    throw new FirebreakError('FB6004', `${field}: set the environment variable ${reference.env}`);
  }
  try {
    const value = (await readFile(reference.file, 'utf8')).trim();
    if (value !== '') return remembered(value);
  } catch (error) {
    throw new FirebreakError('FB6004', `${field}: ${reference.file} cannot be read (${systemCode(error)})`);
  }
  throw new FirebreakError('FB6004', `${field}: ${reference.file} is empty`);
}

function remembered(value: string): string {
  remember(value, 'always');
  return value;
}
