import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { startApiServer, type ApiServer } from '../api-server.ts';

const AUDIENCE = 'sigstore';
const FIVE_MINUTES = 300;

/** Where the workflows of a forge are: identities of workflows begin with it. */
export const FORGE = 'https://git.example';

export interface Issuer {
  /** Vouches for people, by their e-mail address. */
  people: string;
  /** Vouches for workflows, as GitHub Actions does. */
  workflows: string;
  /** @param identity an e-mail address, or `https://git.example/<owner>/<name>/<path of the workflow>@<ref>` */
  token(identity: string): string;
  stop(): Promise<void>;
}

/** Two OpenID Connect issuers on one address: discovery, keys, and tokens for whomever the test names. */
export async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kid = randomUUID();
  const server: ApiServer = await startApiServer(({ parts: [name = '', ...rest] }) => {
    const issuer = `${server.url}/${name}`;
    if (name !== 'people' && name !== 'workflows') return { status: 404 };
    if (rest.join('/') === 'keys') {
      const key = publicKey.export({ format: 'jwk' });
      return { status: 200, body: { keys: [{ ...key, kid, use: 'sig', alg: 'ES256' }] } };
    }
    if (rest.join('/') !== '.well-known/openid-configuration') return { status: 404 };
    return {
      status: 200,
      body: {
        issuer,
        jwks_uri: `${issuer}/keys`,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256'],
      },
    };
  });
  const people = `${server.url}/people`;
  const workflows = `${server.url}/workflows`;

  function signed(claims: object): string {
    const now = Math.floor(Date.now() / 1000);
    const all = { aud: AUDIENCE, iat: now, nbf: now, exp: now + FIVE_MINUTES, ...claims };
    const text = [{ alg: 'ES256', typ: 'JWT', kid }, all]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  }

  return {
    people,
    workflows,
    token: (identity) =>
      identity.startsWith(`${FORGE}/`)
        ? signed({ iss: workflows, ...claimsOfWorkflow(identity.slice(FORGE.length + 1)) })
        : signed({ iss: people, sub: identity, email: identity, email_verified: true }),
    stop: () => server.stop(),
  };
}

/** As GitHub Actions has them: https://docs.github.com/en/actions/reference/security/oidc */
function claimsOfWorkflow(ref: string): object {
  const [path = '', branch = ''] = ref.split('@');
  const [owner = '', name = ''] = path.split('/');
  const commit = 'a'.repeat(40);
  return {
    sub: `repo:${owner}/${name}:ref:${branch}`,
    repository: `${owner}/${name}`,
    repository_owner: owner,
    repository_id: '1001',
    repository_owner_id: '1000',
    repository_visibility: 'private',
    ref: branch,
    sha: commit,
    workflow: 'release',
    workflow_ref: ref,
    workflow_sha: commit,
    job_workflow_ref: ref,
    job_workflow_sha: commit,
    event_name: 'push',
    runner_environment: 'github-hosted',
    run_id: '1',
    run_attempt: '1',
  };
}
