import { forgedBundle, forgedFirst, forgeIssuer, forging, person, workflow } from './keyless.ts';
import { signed } from './keys.ts';
import type { CaseGroup, ImageCase } from './types.ts';

/** A policy takes no `*`. */
const odd = 'https://git.example/shop/api/.github/workflows/a+b(1).yml@refs/heads/x-$1.?';

/** Signed by the first, where only the second may. */
const others: readonly [string, string, string][] = [
  ['what may is the beginning of who signed', `${workflow}-evil`, workflow],
  ['what may is the end of who signed', `https://evil.example/${workflow}`, workflow],
  ['who signed is the beginning of what may', workflow.slice(0, -1), workflow],
  [
    'what may reads as a pattern that who signed fits',
    workflow.replace('release.yml', 'releasexyml'),
    workflow,
  ],
  ['what may reads as a pattern for anything', workflow, 'https://git.example/shop/api/.+@.+'],
  ['another case of the path', workflow.replace('shop', 'Shop'), workflow],
  ['another case of the host', workflow.replace('git.example', 'GIT.example'), workflow],
  ['a slash at the end', `${workflow}/`, workflow],
  ['a character written in hexadecimal', workflow.replace('@', '%40'), workflow],
  ['a part that leads up and down again', workflow.replace('/shop/', '/shop/../shop/'), workflow],
  ['another branch', workflow.replace('main', 'feature'), workflow],
  ['another repository', workflow.replace('shop/api', 'shop/web'), workflow],
  ['http in place of https', workflow.replace('https', 'http'), workflow],
  ['a port that is the usual one', workflow.replace('git.example', 'git.example:443'), workflow],
];

const people: readonly [string, string, string][] = [
  ['another case of an e-mail address', 'Release@shop.example', person],
  ['an e-mail address with a tag', 'release+ci@shop.example', person],
  ['an e-mail address whose domain goes on', `${person}.evil.example`, person],
  ['another person', 'mallory@shop.example', person],
];

const notEqual = others.flatMap(([what, signer, may]): ImageCase[] =>
  (
    [
      ['bundle', forgedBundle],
      ['first format', forgedFirst],
    ] as const
  ).map(([format, make]) => ({
    name: `${what}, ${format}`,
    make: make(() => forging({ identity: signer })),
    allowed: [{ identity: may, issuer: forgeIssuer }],
    cosign: 'refuses',
    firebreak: 'signer-not-allowed',
  })),
);

const issuers: readonly [string, string, string][] = [
  ['another issuer', 'https://evil.example', forgeIssuer],
  ['an issuer that goes on', `${forgeIssuer}.evil.example`, forgeIssuer],
  ['an issuer with a slash at the end', `${forgeIssuer}/`, forgeIssuer],
  ['an issuer in another case', 'https://CI.example', forgeIssuer],
];

export const identities: CaseGroup = {
  title: 'Who a certificate names',
  cases: [
    ...notEqual,
    ...people.map(([what, signer, may]): ImageCase => ({
      name: `${what}, by Fulcio`,
      make: signed({ by: { identity: signer } }),
      allowed: [{ identity: may }],
      cosign: 'refuses',
      firebreak: 'signer-not-allowed',
    })),
    ...issuers.map(([what, issuer, may]): ImageCase => ({
      name: `${what}, bundle`,
      make: forgedBundle(() => forging({ issuer })),
      allowed: [{ identity: workflow, issuer: may }],
      cosign: 'refuses',
      firebreak: 'signer-not-allowed',
    })),
    {
      name: 'the right workflow, of another forge behind the same Fulcio',
      make: signed({ by: { identity: workflow } }),
      allowed: [{ identity: workflow, issuer: 'https://token.actions.githubusercontent.com' }],
      cosign: 'refuses',
      firebreak: 'signer-not-allowed',
    },
    {
      name: 'a workflow whose name has characters that patterns have',
      make: forgedBundle(() => forging({ identity: odd })),
      allowed: [{ identity: odd, issuer: forgeIssuer }],
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'a person with a quote and a plus in the address, by Fulcio',
      make: signed({ by: { identity: "o'hara+ci@shop.example" } }),
      allowed: [{ identity: "o'hara+ci@shop.example" }],
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'the second of three that may',
      make: signed({ by: { identity: person } }),
      allowed: [{ identity: workflow }, { identity: person }, { key: 'release' }],
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'a certificate where a key is asked for',
      make: signed({ by: { identity: person } }),
      allowed: [{ key: 'release' }],
      cosign: 'refuses',
      firebreak: 'signer-not-allowed',
    },
    {
      name: 'a key where a certificate is asked for',
      make: signed({ by: { key: 'release' } }),
      allowed: [{ identity: person }],
      cosign: 'refuses',
      firebreak: 'signer-not-allowed',
    },
  ],
};
