import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { inputSchema } from '../../../activities/kubernetes/block-images/contract.ts';
import { sigstorePolicies } from '../../../activities/kubernetes/block-images/manifests/policy-controller.ts';
import { kyvernoPolicy } from '../../../activities/kubernetes/block-images/manifests/kyverno.ts';
import {
  bindingOf,
  blockObjects,
  isOfHold,
  policyName,
  readRule,
  ruleOfAny,
} from '../../../activities/kubernetes/block-images/policy.ts';
import {
  imagesOf,
  refusalOf,
  refusalOfSpec,
  ruleOf,
  type Rule,
} from '../../../activities/kubernetes/block-images/rule.ts';
import { listed } from '../../../activities/kubernetes/block-images/running.ts';
import type { Cluster } from '../../../activities/kubernetes/client.ts';
import { KubernetesError } from '../../../activities/kubernetes/errors.ts';
import { sort } from '../../../activities/kubernetes/block-images/replace.ts';
import { listing } from '../../support/listing-cluster.ts';
import {
  resources,
  type KubernetesObject,
  type OwnerReference,
} from '../../../activities/kubernetes/resources.ts';
import { authorityOf, holdOf } from '../../../activities/kubernetes/block-images/target.ts';
import { parseImagePolicy } from '../../../activities/images/policy.ts';
import { parseReference } from '../../../activities/images/reference.ts';
import type { Target } from '../../../domain/action.ts';
import { sha256, type Digest } from '../../../domain/json.ts';

const digestOf = (word: string): Digest => sha256(word);
const bad = digestOf('bad');
const good = digestOf('good');
const other = digestOf('other');
const third = digestOf('third');
const rule: Rule = { namespaces: ['shop'], deny: [bad], allow: [good] };

describe('the rule', () => {
  test.each<[image: string, inShop: string | undefined, elsewhere: string | undefined]>([
    [`shop.example/api@${bad}`, 'denied', 'denied'],
    [`shop.example/api:1@${bad}`, 'denied', 'denied'],
    [`shop.example/api@${bad.toUpperCase()}`, 'denied', 'denied'],
    [`shop.example/api@${good}@${bad}`, 'denied', 'denied'],
    [`shop.example/api@ ${bad} `, 'denied', 'denied'],
    [bad, 'denied', 'denied'],
    [`shop.example/api@${good}`, undefined, undefined],
    [`shop.example/api:1@${good}`, undefined, undefined],
    [`shop.example/api@${other}`, 'not-allowed', undefined],
    ['shop.example/api:1', 'not-pinned', undefined],
    ['shop.example/api', 'not-pinned', undefined],
    [`@${good}`, 'not-pinned', undefined],
    [good, 'not-pinned', undefined],
    [`shop.example/api@${good}@${good}`, 'not-pinned', undefined],
    [`shop.example/api@${good.toUpperCase()}`, 'not-pinned', undefined],
    [`shop.example/api@sha512:${'a'.repeat(128)}`, 'not-pinned', undefined],
    [`shop.example/api:${good.slice(7)}`, 'not-pinned', undefined],
    ['', 'not-pinned', undefined],
    ['@', 'not-pinned', undefined],
  ])('%s', (image, inShop, elsewhere) => {
    expect(refusalOf(image, 'shop', rule)).toBe(inShop);
    expect(refusalOf(image, 'pay', rule)).toBe(elsewhere);
  });

  const lower = fc.stringMatching(/^[a-z0-9]{1,8}$/);
  const name = fc.tuple(lower, lower).map(([host, path]) => `${host}.example/${path}`);
  const tag = fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/), { nil: '' });
  const digest = fc.constantFrom('', bad, good, other, digestOf('more'));
  const reference = fc
    .tuple(name, tag, digest)
    .map(
      ([at, tagged, pinned]) =>
        `${at}${tagged === '' ? '' : `:${tagged}`}${pinned === '' ? '' : `@${pinned}`}`,
    );

  test('of whatever is a reference it says what the grammar of references says', () => {
    fc.assert(
      fc.property(reference, fc.constantFrom('shop', 'pay'), (image, namespace) => {
        const { digest: named } = parseReference(image);
        const wanted =
          named === bad
            ? 'denied'
            : namespace === 'pay' || named === good
              ? undefined
              : named === undefined
                ? 'not-pinned'
                : 'not-allowed';
        expect(refusalOf(image, namespace, rule)).toBe(wanted);
      }),
      { numRuns: 2_000 },
    );
  });

  test('whatever passes in a covered namespace is a name and an allowed digest, and names no denied one', () => {
    const piece = fc.constantFrom(
      good,
      bad,
      other,
      '@',
      ':',
      ' ',
      'a',
      'shop.example/api',
      'A',
      '=',
      '\n',
      'sha256:',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const image = pieces.join('');
        const refusal = refusalOf(image, 'shop', rule);
        if (refusal === undefined) {
          expect(image.endsWith(`@${good}`)).toBe(true);
          expect(image.split('@')).toHaveLength(2);
        }
        if (image.endsWith(`@${bad}`)) expect(refusal).toBe('denied');
      }),
      { numRuns: 5_000 },
    );
  });

  test('counts every image that a pod is made of', () => {
    const spec = {
      containers: [{ name: 'app', image: 'a' }, { name: 'none' }],
      initContainers: [{ name: 'init', image: 'b' }],
      ephemeralContainers: [{ name: 'debug', image: 'c' }],
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'model', image: { reference: 'd' } },
        { name: 'void', image: {} },
      ],
    };
    expect(imagesOf(spec).toSorted()).toEqual(['', '', 'a', 'b', 'c', 'd']);
    expect(imagesOf({})).toEqual([]);
    const pinned = { containers: [{ name: 'app', image: `x@${good}` }] };
    expect(refusalOfSpec(pinned, 'shop', rule)).toBeUndefined();
    const volumes = [{ name: 'model', image: { reference: `x@${bad}` } }];
    expect(refusalOfSpec({ ...pinned, volumes }, 'shop', rule)).toBe('denied');
    expect(refusalOfSpec({}, 'shop', rule)).toBeUndefined();
  });
});

describe('the policy', () => {
  const block = { hold: 'uid-1', rule, responderGroup: 'responders' };

  test('says of itself what it holds to, and bears the name of exactly that', () => {
    const [policy, binding] = blockObjects(block);
    expect(readRule(policy, 'uid-1')).toEqual(ruleOf(rule));
    expect(ruleOfAny(policy)).toEqual(ruleOf(rule));
    expect(readRule(policy, 'uid-2')).toBeUndefined();
    expect(isOfHold(policy, 'uid-1') && isOfHold(binding, 'uid-1')).toBe(true);
    expect(isOfHold(policy, 'uid-2')).toBe(false);
    expect(binding).toEqual(bindingOf(policyName(block), 'uid-1'));
    const annotations = {
      ...policy.metadata.annotations,
      'firebreak.dev/image-rule': JSON.stringify({ ...ruleOf(rule), allow: [good, bad] }),
    };
    expect(readRule({ ...policy, metadata: { ...policy.metadata, annotations } }, 'uid-1')).toBeUndefined();
    expect(ruleOfAny({ ...policy, metadata: { name: 'firebreak-images-0' } })).toBeUndefined();
  });

  test('has another name for any other list, and the same for another order and for doubles', () => {
    const nameOf = (lists: Partial<Rule>, hold = 'uid-1') =>
      policyName({ hold, rule: { ...rule, deny: [bad, third], ...lists } });
    const names = [
      nameOf({}),
      nameOf({ deny: [bad] }),
      nameOf({ allow: [] }),
      nameOf({ namespaces: [] }),
      nameOf({ deny: [bad], allow: [good, third] }),
      nameOf({}, 'uid-2'),
    ];
    expect(new Set(names).size).toBe(names.length);
    expect(nameOf({ deny: [third, bad, third] })).toBe(nameOf({}));
    for (const name of names) expect(name).toMatch(/^firebreak-images-[0-9a-f]{16}$/);
  });

  test('quotes what is put into its expressions', () => {
    const text = JSON.stringify(blockObjects({ ...block, responderGroup: `o'"\\ in 'x' || true` })[0]);
    expect(text).toContain(JSON.stringify(JSON.stringify(`o'"\\ in 'x' || true`)).slice(1, -1));
  });
});

const of = (...uids: string[]) =>
  holdOf(uids.map((uid) => ({ kind: 'Namespace', cluster: 'c', name: uid, uid })));

describe('what is asked for', () => {
  test.each<[string, object, boolean]>([
    ['digests alone', { deny: [bad] }, true],
    ['namespaces alone', { namespaces: ['shop'] }, true],
    ['nothing', {}, false],
    ['allowed digests alone', { allow: [good] }, false],
    ['a replacement without namespaces', { deny: [bad], replace: true }, false],
    ['capital letters', { deny: [bad.toUpperCase()] }, false],
    ['another algorithm', { deny: [`sha512:${'a'.repeat(128)}`] }, false],
    ['too many namespaces', { namespaces: Array.from({ length: 21 }, (_, at) => `n${at}`) }, false],
    ['too many digests', { deny: Array.from({ length: 1_001 }, (_, at) => digestOf(`${at}`)) }, false],
    ['a name that is none', { namespaces: ['Shop'] }, false],
    ['a field that is not known', { deny: [bad], force: true }, false],
  ])('%s', (_, input, valid) => {
    expect(inputSchema.safeParse({ cluster: 'c', ...input }).success).toBe(valid);
  });

  test('the authority is another one for other lists, and the same for another order', () => {
    const target: Target = { kind: 'Namespace', cluster: 'c', name: 'shop', uid: 'u' };
    const sentence = (lists: Rule, cap?: number) => authorityOf('a', [target], ruleOf(lists), cap).rule;
    const all = [rule, { ...rule, allow: [other] }, { ...rule, deny: [other] }, { ...rule, allow: [] }];
    expect(new Set([...all.map((one) => sentence(one)), sentence(rule, 20)]).size).toBe(5);
    const twice = { ...rule, allow: [good, other, good] };
    expect(sentence(twice)).toBe(sentence({ ...rule, allow: [other, good] }));
  });

  test('targets that are the same are one hold, in whatever order', () => {
    expect(of('a')).toBe('a');
    expect(of('a', 'b')).toBe(of('b', 'a'));
    expect(new Set([of('a'), of('a', 'b'), of('a', 'b', 'c'), of('a', 'c')]).size).toBe(4);
  });
});

const newKey = () =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .publicKey.export({ type: 'spki', format: 'pem' })
    .toString();
const pem = newKey();
const secondPem = newKey();

describe('what cannot be listed', () => {
  const stuck: Pick<Cluster, 'list'> = {
    list: (_, { signal } = {}) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
      }),
  };

  test('is said after a while, and is an error only for whoever cancels', async () => {
    const open = new AbortController();
    expect(await listed(stuck, resources.pods, open.signal, 10)).toEqual({
      items: [],
      missing: 'pods were not listed within 0.01 s',
    });
    const cancelled = listed(stuck, resources.pods, open.signal, 60_000);
    open.abort(new Error('cancelled'));
    await expect(cancelled).rejects.toThrow('cancelled');
  });
});

const gone = new KubernetesError(
  { cluster: 'c', operation: 'get' },
  { status: 404, reason: 'NotFound', message: 'not found' },
);

const owner = (kind: string, uid: string) => ({
  apiVersion: 'apps/v1',
  kind,
  name: 'web',
  uid,
  controller: true,
});
const set = (ownerReferences: OwnerReference[]) => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name: 'web', namespace: 'shop', uid: 'u', ownerReferences },
  spec: { template: { spec: { containers: [{ name: 'app', image: `x@${good}` }] } } },
});
const answer = (object: KubernetesObject | undefined): Cluster['get'] => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- asked for this object only
  return async <T>() => (object ?? (await Promise.reject(gone))) as T;
};

const why = async (object: KubernetesObject | undefined, kind = 'ReplicaSet') => {
  const cluster: Cluster = { ...listing({}), get: answer(object) };
  const work = { cluster, context: { signal: AbortSignal.timeout(5_000) }, rule };
  const pod = { namespace: 'shop', name: 'web-1', uid: 'p', controller: owner(kind, 'u') };
  const { replaceable, unfit } = await sort(work, [pod]);
  return replaceable.length === 1 ? 'better' : unfit[0]?.why;
};

describe('what would be made in place of a pod', () => {
  test('is known for a controller that exists and keeps itself, and for nothing else', async () => {
    expect(await why(set([]))).toBe('better');
    // Owners are what their author wrote.
    expect(await why(set([owner('ReplicaSet', 'u')]))).toMatch(/ReplicaSet web, is none that is known/);
    expect(await why(set([owner('Rollout', 'r')]))).toMatch(/Rollout web, is none that is known/);
    expect(await why(set([]), 'Rollout')).toMatch(/Rollout web, is none that is known/);
    expect(await why(undefined)).toMatch(/is gone/);
    expect(await why({ ...set([]), metadata: { ...set([]).metadata, uid: 'another' } })).toMatch(/is gone/);
    expect(
      await why({ ...set([]), spec: { template: { spec: { containers: [{ image: 'x:1' }] } } } }),
    ).toMatch(/is refused as well \(not-pinned\)/);
    expect(await why({ ...set([]), spec: { ...set([]).spec, paused: true } })).toMatch(/is paused/);
  });
});

describe("what is written for the cluster's verifier", () => {
  const identity = { identity: 'https://ci.example/shop', issuer: 'https://issuer.example' };
  const policy = parseImagePolicy({
    images: [
      {
        repositories: ['shop.example/web/**', 'docker.io/library/redis'],
        signedBy: [{ key: 'release' }, identity, { key: 'old' }],
      },
      {
        repositories: ['shop.example/*'],
        signedBy: [{ key: 'old' }],
        attestations: [
          {
            predicateTypes: ['https://slsa.dev/provenance/v1', 'https://slsa.dev/provenance/v0.2'],
            signedBy: [{ key: 'release' }],
            builder: 'https://builder.example',
          },
        ],
      },
    ],
    keys: { release: { pem }, old: { pem: secondPem, revokedAt: '2026-11-01T00:00:00Z' } },
    deniedDigests: [bad],
    trustedRoot: { file: 'root.json', sha256: good, asOf: '2026-11-01T00:00:00Z', maxAgeDays: 30 },
  });

  test('policy-controller: a policy for the signatures and one for each attestation of a rule; a revoked signer is none', () => {
    const keyless = { identities: [{ issuer: identity.issuer, subject: identity.identity }] };
    const [web, shop, attested, denied, ...more] = sigstorePolicies(policy);
    expect(more).toEqual([]);
    expect(web).toMatchObject({
      apiVersion: 'policy.sigstore.dev/v1beta1',
      kind: 'ClusterImagePolicy',
      spec: {
        mode: 'enforce',
        images: [
          { glob: 'shop.example/web/**:*' },
          { glob: 'shop.example/web/**@*' },
          { glob: 'index.docker.io/library/redis:*' },
          { glob: 'index.docker.io/library/redis@*' },
        ],
        authorities: [
          { key: { data: pem }, signatureFormat: 'legacy' },
          { key: { data: pem }, signatureFormat: 'bundle' },
          { keyless, signatureFormat: 'legacy' },
          { keyless, signatureFormat: 'bundle' },
        ],
      },
    });
    expect(shop).toMatchObject({ spec: { authorities: [{ static: { action: 'fail' } }] } });
    expect(attested).toMatchObject({
      spec: {
        authorities: [
          { attestations: [{ predicateType: 'https://slsa.dev/provenance/v1' }], signatureFormat: 'legacy' },
          { attestations: [{ predicateType: 'https://slsa.dev/provenance/v1' }], signatureFormat: 'bundle' },
          { attestations: [{ predicateType: 'https://slsa.dev/provenance/v0.2' }] },
          { key: { data: pem }, attestations: [{ predicateType: 'https://slsa.dev/provenance/v0.2' }] },
        ],
      },
    });
    expect(denied).toMatchObject({
      spec: { images: [{ glob: `**@${bad}` }], authorities: [{ static: { action: 'fail' } }] },
    });
    const text = JSON.stringify([web, shop, attested, denied]);
    expect(text).not.toContain(JSON.stringify(secondPem).slice(1, -1));
    const names = [web, shop, attested, denied].map((one) => one?.metadata.name);
    expect(new Set(names).size).toBe(4);
  });

  test('Kyverno: a rule for each, in the covered namespaces; nobody in the place of a revoked signer', () => {
    const [made] = kyvernoPolicy(policy, ['shop']);
    expect(made).toMatchObject({
      apiVersion: 'kyverno.io/v1',
      kind: 'ClusterPolicy',
      spec: {
        failurePolicy: 'Fail',
        rules: [
          {
            match: { any: [{ resources: { kinds: ['Pod'], namespaces: ['shop'] } }] },
            verifyImages: [
              {
                imageReferences: expect.arrayContaining(['shop.example/web/*@*', 'shop.example/web/*:*']),
                required: true,
                attestors: [
                  {
                    count: 1,
                    entries: [{ keys: { publicKeys: pem } }, { keyless: { subject: identity.identity } }],
                  },
                ],
              },
            ],
          },
          {
            verifyImages: [
              {
                attestors: [{ count: 1, entries: [{ keyless: { subject: 'nobody' } }] }],
                attestations: [{ attestors: [{ entries: [{ keys: { publicKeys: pem } }] }] }],
              },
            ],
          },
        ],
      },
    });
    expect(JSON.stringify(made)).not.toContain(JSON.stringify(secondPem).slice(1, -1));
    expect(kyvernoPolicy(policy, [])[0]).toMatchObject({
      spec: { rules: [{ match: { any: [{ resources: { kinds: ['Pod'] } }] } }, {}] },
    });
  });
});
