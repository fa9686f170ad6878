import type { EndpointConfig, ImageRegistryConfig } from '../activities/images/registry/options.ts';
import { Secret } from '../domain/secret.ts';
import { readSecret, type Configuration } from './config/load.ts';

type OciRegistry = Extract<Configuration['registries'][number], { kind: 'oci' }>;
type Endpoint = Pick<OciRegistry, 'credentials' | 'tokenHosts'>;

/** The configured registries that images are read from. Their secrets are read when they are asked. */
export function imageRegistriesOf(registries: Configuration['registries']): ImageRegistryConfig[] {
  return registries
    .filter((registry) => registry.kind === 'oci')
    .map(({ name, host, url = `https://${host}`, mirrors = [], ...rest }) => ({
      host,
      url,
      ...access(`registries.${name}`, rest),
      mirrors: mirrors.map((mirror, at) => ({
        url: mirror.url,
        ...access(`registries.${name}.mirrors[${at}]`, mirror),
      })),
    }));
}

function access(field: string, { credentials, tokenHosts }: Endpoint): Omit<EndpointConfig, 'url'> {
  return {
    ...(tokenHosts === undefined ? {} : { tokenHosts }),
    ...(credentials === undefined
      ? {}
      : {
          credentials: async () => ({
            username: credentials.username,
            password: new Secret(await readSecret(`${field}.credentials.password`, credentials.password)),
          }),
        }),
  };
}
