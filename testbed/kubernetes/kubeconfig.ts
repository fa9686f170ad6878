import type { KeyPair } from './certificates.ts';
import { writeSecret } from './certificates.ts';

/** Writes a self-contained kubeconfig (JSON is YAML) that authenticates with a client certificate. */
export async function writeKubeconfig(
  file: string,
  cluster: { url: string; caCertificate: string },
  user: string,
  pair: KeyPair,
): Promise<string> {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'testbed',
        cluster: { server: cluster.url, 'certificate-authority-data': base64(cluster.caCertificate) },
      },
    ],
    users: [
      {
        name: user,
        user: {
          'client-certificate-data': base64(pair.certificate),
          'client-key-data': base64(pair.key),
        },
      },
    ],
    contexts: [{ name: 'testbed', context: { cluster: 'testbed', user } }],
    'current-context': 'testbed',
  };
  await writeSecret(file, JSON.stringify(config, undefined, 2));
  return file;
}

function base64(pem: string): string {
  return Buffer.from(pem).toString('base64');
}
