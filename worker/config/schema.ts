import { z } from 'zod';
import { isNamespaceName } from '../../activities/kubernetes/resources.ts';
import { severities } from '../../domain/alert.ts';
import { peopleSchema } from '../../gateway/people.ts';

/** A secret is never written in the configuration: it names an environment variable or a file. */
const secret = z.union([
  z.strictObject({
    env: z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be the name of an environment variable'),
  }),
  z.strictObject({ file: z.string().min(1) }),
]);
export type SecretReference = z.infer<typeof secret>;

const identifier = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and "-"');

/** `90s`, `5m`, `24h`, `7d`; read by language/compile/duration.ts. */
const duration = z.string().regex(/^[1-9][0-9]{0,5}[smhd]$/, 'must be a duration such as 90s, 5m, 24h or 7d');

const approval = z.strictObject({
  from: z.array(identifier).min(1),
  count: z.int().min(1).max(20).default(1),
  within: duration.default('15m'),
  otherwise: z.enum(['escalate', 'deny']).default('escalate'),
});

/** A system that actions reach, and what guardrails judge it by. */
const system = { name: identifier, environment: identifier };

const account = z.strictObject({
  ...system,
  id: z.string().regex(/^[0-9]{12}$/, 'must be the 12 digits of an AWS account, in quotes'),
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-[0-9]$/, 'must be a region such as eu-central-1'),
  /** Of the shared AWS configuration of the machine; absent: the SDK's own order (environment, profile, workload identity). */
  profile: z.string().min(1).exactOptional(),
  /** Assumed for each incident, with the incident's id as session name. */
  role: z
    .strictObject({
      arn: z.string().regex(/^arn:aws[a-z-]*:iam::[0-9]{12}:role\/.+$/, 'must be the ARN of a role'),
      externalId: z.string().min(2).max(1224).exactOptional(),
    })
    .exactOptional(),
  /** Principals that must keep working whatever happens: ARNs that no plan may touch, and the generated policy denies. */
  breakGlass: z.array(z.string().startsWith('arn:')).default([]),
  /** Who the engine is there when it assumes no role: ARN of a user or role, which the generated policy keeps it from changing. */
  principal: z
    .string()
    .regex(/^arn:aws[a-z-]*:iam::[0-9]{12}:(user|role)\/.+$/, 'must be the ARN of a user or a role')
    .exactOptional(),
  /** ARNs, with `*` for any text, of what playbooks may act on: the generated policy names these in place of everything. */
  managed: z.array(z.string().startsWith('arn:')).exactOptional(),
  /** ARNs of the bucket that evidence is copied to, and of the key that encrypts it: the generated policy denies both. */
  evidence: z
    .array(z.string().regex(/^arn:aws[a-z-]*:(s3|kms):/, 'must be the ARN of a bucket or a key'))
    .exactOptional(),
  /** Another endpoint than AWS's own: for tests. */
  endpoint: z.url().exactOptional(),
});

const github = z.strictObject({
  ...system,
  kind: z.literal('github'),
  apiUrl: z.url().default('https://api.github.com'),
  /** The engine's own identity: a token, or an installed App. */
  auth: z.union([
    z.strictObject({ token: secret }),
    z.strictObject({ app: z.int().min(1), installation: z.int().min(1), privateKey: secret }),
  ]),
  /** Of an OAuth App whose tokens can be revoked. */
  oauth: z.strictObject({ clientId: z.string().min(1), clientSecret: secret }).exactOptional(),
});

const gitlab = z.strictObject({
  ...system,
  kind: z.literal('gitlab'),
  /** Of the instance, without /api/v4. */
  url: z.url().default('https://gitlab.com'),
  token: secret,
});

const harbor = z.strictObject({
  ...system,
  kind: z.literal('harbor'),
  url: z.url(),
  username: z.string().min(1),
  password: secret,
});

/** A registry whose users are an htpasswd file kept in a secret store, as CNCF Distribution has them. */
const basicAuthRegistry = z.strictObject({
  ...system,
  kind: z.literal('basic-auth'),
  url: z.url(),
  /** Name of the secret that holds the htpasswd file: `<store>/<path>`. */
  htpasswd: z.string().min(1),
});

/** Where a registry, or a mirror of it, is asked: activities/images/registry/options.ts says what may be there. */
const imageEndpoint = {
  url: z.url(),
  /** Without them it is asked as nobody. */
  credentials: z.strictObject({ username: z.string().min(1), password: secret }).exactOptional(),
  /** Hosts beside its own that may be asked for tokens, with these credentials: `auth.docker.io`. */
  tokenHosts: z.array(z.string().min(1)).exactOptional(),
};

/** A registry that images are read from: manifests and what signs them. */
const imageRegistry = z.strictObject({
  ...system,
  kind: z.literal('oci'),
  /** As references name it: `registry.example:5000`, `docker.io`. */
  host: z.string().min(1),
  ...imageEndpoint,
  /** `https://<host>` when absent. */
  url: imageEndpoint.url.exactOptional(),
  mirrors: z.array(z.strictObject(imageEndpoint)).exactOptional(),
});

/** Where objectives are measured. A token, or a user with a password, or nothing where the API asks for nothing. */
const metricsSource = z
  .strictObject({
    ...system,
    kind: z.literal('prometheus'),
    url: z.url({ protocol: /^https?$/, error: 'must be an http or https address' }),
    token: secret.exactOptional(),
    username: z.string().min(1).exactOptional(),
    password: secret.exactOptional(),
  })
  .superRefine(({ url, token, username, password }, context) => {
    const fault = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    if ((username === undefined) !== (password === undefined))
      fault(
        username === undefined ? 'username' : 'password',
        'is missing: username and password go together',
      );
    if (token !== undefined && username !== undefined)
      fault('token', 'give either a token, or username and password');
    const { hostname, protocol, username: user } = new URL(url);
    if (user !== '') fault('url', 'must hold no credential: use username and password');
    const loopback = ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
    if ((token !== undefined || password !== undefined) && protocol === 'http:' && !loopback)
      fault('url', 'must be https: a credential would be sent in clear text');
  });

/** One at least, and none twice. */
function listed(entry: z.ZodString): z.ZodArray<z.ZodString> {
  return z
    .array(entry, { error: 'must be a list of names' })
    .min(1, 'name at least one')
    .refine((names) => new Set(names).size === names.length, 'holds a name twice');
}

const secretStore = z.discriminatedUnion('kind', [
  /** Paths are `<namespace>/<secret>/<key>`. */
  z.strictObject({
    name: identifier,
    kind: z.literal('kubernetes'),
    cluster: identifier,
    /** The namespaces that it reads and writes Secrets in. */
    namespaces: listed(z.string().refine(isNamespaceName, 'must be the name of a namespace')),
    /** Names of Secrets in these namespaces: no other is read or written. */
    secrets: listed(
      z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'must be the name of a Secret'),
    ).exactOptional(),
  }),
  /** Paths are the secret's name. */
  z.strictObject({
    name: identifier,
    kind: z.literal('aws-secrets-manager'),
    account: identifier,
    /** What the names of its secrets begin with: no other is read or written. */
    prefix: z
      .string({ error: 'must be what the names of its secrets begin with, such as firebreak/' })
      .regex(/^[A-Za-z0-9/_+=.@-]{1,400}$/, 'must be 1 to 400 letters, digits and any of / _ + = . @ -'),
  }),
  /** For tests and for one machine: a file a secret, mode 600. */
  z.strictObject({ name: identifier, kind: z.literal('file'), directory: z.string().min(1) }),
]);

const megabyte = 1024 * 1024;

const fields = z.strictObject({
  /** Where ledger, evidence, access log, tokens and keys are kept. */
  state: z.string().min(1).default('state'),
  temporal: z
    .strictObject({
      /** `host:port`; absent: a Temporal of its own is started beside the worker. */
      address: z
        .string()
        .regex(/^[^\s:]+:\d+$/, 'must be host:port')
        .optional(),
      namespace: z.string().min(1).default('default'),
      taskQueue: z.string().min(1).default('firebreak'),
      tls: z.boolean().default(false),
      apiKey: secret.optional(),
    })
    .prefault({}),
  gateway: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1'),
      port: z.int().min(0).max(65_535).default(8080),
    })
    .prefault({}),
  clusters: z
    .array(
      z.strictObject({
        name: identifier,
        environment: identifier,
        kubeconfig: z.string().min(1),
        context: z.string().min(1).exactOptional(),
        /** What its API servers write by --audit-log-path: a file, or one of each. */
        auditLog: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).exactOptional(),
      }),
    )
    .min(1, 'name at least one cluster'),
  accounts: z.array(account).default([]),
  forges: z.array(z.discriminatedUnion('kind', [github, gitlab])).default([]),
  registries: z.array(z.discriminatedUnion('kind', [harbor, basicAuthRegistry, imageRegistry])).default([]),
  /** Which images may run: docs/reference/image-policy.md. */
  images: z.strictObject({ policy: z.string().min(1) }).exactOptional(),
  /** What `slo.check` measures by. */
  metrics: z.array(metricsSource).default([]),
  /** Where actions keep values that they make: names in playbooks begin with a store's. */
  secretStores: z.array(secretStore).default([]),
  /** The Kubernetes group that a freeze exempts, so that people can always take over. */
  responderGroup: z.string().min(1).default('firebreak:responders'),
  slack: z
    .strictObject({
      signingSecret: secret,
      botToken: secret,
      channel: z.string().regex(/^[CG][A-Z0-9]+$/, 'must be a channel id such as C012AB3CD'),
      /** Whom Slack calls for a group of `people`: a user group id, or user ids. */
      groups: z.record(identifier, z.union([z.string(), z.array(z.string())])).default({}),
      socketMode: z.strictObject({ appToken: secret }).optional(),
      /** Another Web API than Slack's own, ending with /api/: for tests. */
      apiUrl: z.url().optional(),
    })
    .optional(),
  people: peopleSchema.default([]),
  routes: z.string().min(1).default('routes.yaml'),
  playbooks: z.string().min(1).default('playbooks'),
  /** Generic alert sources by name: CEL over `body` and `headers` for each field. */
  sources: z.record(identifier, z.record(z.string(), z.unknown())).default({}),
  guardrails: z
    .strictObject({
      protectedNamespaces: z.array(z.string().min(1)).default([]),
      protectedPrincipals: z.array(z.string().min(1)).default([]),
      maxNamespaces: z.int().min(1).default(1),
      maxPods: z.int().min(1).default(500),
      maxPrincipals: z.int().min(1).default(5),
      automatic: z
        .array(z.strictObject({ environments: z.array(identifier).min(1), minSeverity: z.enum(severities) }))
        .default([]),
    })
    .prefault({}),
  approvals: z.strictObject({
    /** For a step whose playbook says nothing. */
    default: approval,
    release: approval,
    /** Groups that are called, and may then decide, when nobody answers. */
    escalation: z.array(identifier).min(1),
  }),
  /** How long a containment stands before people are reminded. */
  hold: duration.default('24h'),
  evidence: z
    .strictObject({
      maxTotalBytes: z
        .int()
        .min(megabyte)
        .default(20 * 1024 * megabyte),
      maxArtefactBytes: z
        .int()
        .min(1024)
        .default(256 * megabyte),
    })
    .prefault({}),
  /** How much of what registries notify of is kept of each, and how long. */
  registryEvents: z
    .strictObject({
      maxBytes: z
        .int()
        .min(megabyte)
        .default(64 * megabyte),
      keep: duration.default('90d'),
    })
    .prefault({}),
  limits: z.strictObject({ refusalsPerMinute: z.int().min(1).default(600) }).prefault({}),
});
/** `firebreak.yaml`. Relative paths are relative to the file. */
export const configurationSchema = fields.superRefine(references);
export type ConfigurationFile = z.output<typeof fields>;

function isOneOf(named: readonly { name: string }[], wanted: string): boolean {
  return named.some(({ name }) => name === wanted);
}

function holds(
  { namespaces, secrets }: { namespaces: readonly string[]; secrets?: readonly string[] },
  [namespace = '', secret = '']: readonly string[],
): boolean {
  return namespaces.includes(namespace) && (secrets === undefined || secrets.includes(secret));
}

/** Names that are used twice, and names of what is not there. */
function references(file: z.output<typeof fields>, context: z.RefinementCtx): void {
  const fault = (path: (string | number)[], message: string) =>
    context.addIssue({ code: 'custom', path, message });
  const lists = ['clusters', 'accounts', 'forges', 'registries', 'metrics', 'secretStores'] as const;
  for (const list of lists) {
    const names = file[list].map(({ name }) => name);
    for (const [index, name] of names.entries())
      if (names.indexOf(name) !== index) fault([list, index, 'name'], `is used twice: ${name}`);
  }
  for (const [index, store] of file.secretStores.entries()) {
    if (store.kind === 'kubernetes' && !isOneOf(file.clusters, store.cluster))
      fault(['secretStores', index, 'cluster'], `is not the name of one of the clusters: ${store.cluster}`);
    if (store.kind === 'aws-secrets-manager' && !isOneOf(file.accounts, store.account))
      fault(['secretStores', index, 'account'], `is not the name of one of the accounts: ${store.account}`);
  }
  const hosts = file.registries.map((registry) => (registry.kind === 'oci' ? registry.host : undefined));
  for (const [index, registry] of file.registries.entries()) {
    if (registry.kind === 'oci' && hosts.indexOf(registry.host) !== index)
      fault(['registries', index, 'host'], `is used twice: ${registry.host}`);
    if (registry.kind !== 'basic-auth') continue;
    const [name = '', ...path] = registry.htpasswd.split('/');
    const [store, ...namesakes] = file.secretStores.filter((one) => one.name === name);
    const at = ['registries', index, 'htpasswd'];
    if (store === undefined) fault(at, 'does not begin with the name of one of the secretStores');
    // Which one is meant is not known then.
    if (store === undefined || namesakes.length > 0) continue;
    if (store.kind === 'aws-secrets-manager' && !path.join('/').startsWith(store.prefix))
      fault(at, `does not begin with ${name}/${store.prefix}, the prefix of that secret store`);
    else if (store.kind === 'kubernetes' && !holds(store, path))
      fault(at, `is in none of the namespaces and secrets of secret store ${name}`);
  }
}
