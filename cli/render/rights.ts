import { stringify } from 'yaml';
import type { AccountRights } from '../../activities/aws/rights.ts';
import type { Rights, ServiceRights } from '../permissions/gather.ts';
import { safe } from '../output.ts';

/** For people and for `kubectl apply -f -`: Kubernetes as YAML documents, everything else as comments of them. */
export function renderRights({ of, kubernetes, aws, services }: Rights): string {
  const whose = of.playbooks === 'all actions' ? 'all actions' : `the playbooks ${of.playbooks.join(', ')}`;
  const parts = [
    ...(kubernetes === undefined ? [] : [renderKubernetes(kubernetes)]),
    ...(aws === undefined ? [] : [renderAws(aws)]),
    ...(services === undefined ? [] : [renderServices(services)]),
  ];
  return [comment(`What the engine needs for ${whose}.`), ...parts].join('\n');
}

function comment(text: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? '#' : `# ${line}`))
    .join('\n');
}

function renderKubernetes(manifests: NonNullable<Rights['kubernetes']>): string {
  if (manifests.length === 0) return comment('Kubernetes: nothing.');
  return manifests.map((manifest) => stringify(manifest)).join('---\n');
}

function renderAws(accounts: readonly AccountRights[]): string {
  if (accounts.length === 0) return comment('AWS: no account is configured.');
  return accounts.map((account) => comment(renderAccount(account))).join('\n');
}

function renderAccount(rights: AccountRights): string {
  const { account, id, engine, policies, guard, boundary, assume, wildcards, notes } = rights;
  const documents = [
    ...policies.map((policy) => ({ ...policy, use: 'attach to the engine' })),
    { ...guard, use: 'attach to the engine as well: explicit denies' },
    { ...boundary, use: "set as the engine's permissions boundary" },
    ...(assume === undefined ? [] : [{ ...assume, use: 'attach to the identity that assumes the role' }]),
  ];
  return [
    '',
    `AWS account ${account} (${id}), engine: ${safe(engine ?? 'not configured')}`,
    ...notes.map((line) => `Note: ${line}.`),
    ...documents.flatMap(({ name, use, document }) => [
      '',
      `${name}.json: ${use}`,
      JSON.stringify(document, null, 2),
    ]),
    ...(wildcards.length === 0 ? [] : ['', 'Wildcards that stay:']),
    ...wildcards.map(({ resource, actions, why }) => `- ${resource}: ${why} (${actions.join(', ')})`),
  ].join('\n');
}

function renderServices(services: readonly ServiceRights[]): string {
  if (services.length === 0) return comment('Services: nothing.');
  return services
    .map(({ system, scopes }) =>
      comment(
        [
          '',
          `${system}: give the engine's token`,
          ...scopes.map(({ scope, why, actions }) => `- ${scope}: ${why.join('; ')} (${actions.join(', ')})`),
        ].join('\n'),
      ),
    )
    .join('\n');
}
