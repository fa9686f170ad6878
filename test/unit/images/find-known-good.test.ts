import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createAsker, judgeContainer } from '../../../activities/images/find-known-good/containers.ts';
import {
  baselineOf,
  explain,
  firstAcceptable,
  judgeTemplate,
  type Explained,
} from '../../../activities/images/find-known-good/explain.ts';
import { examine } from '../../../activities/images/find-known-good/examine.ts';
import { noPolicy } from '../../../activities/images/in-force.ts';
import { input, most, outputs } from '../../../activities/images/find-known-good/contract.ts';
import { judgeNamed } from '../../../activities/images/find-known-good/named.ts';
import { revisionReasonCodes } from '../../../activities/images/find-known-good/reasons.ts';
import { choiceOf, outputsOf, recordOf } from '../../../activities/images/find-known-good/summary.ts';
import { unreadReasonCodes } from '../../../activities/images/ask.ts';
import { parseImagePolicy } from '../../../activities/images/policy.ts';
import { parseReference, canonicalName } from '../../../activities/images/reference.ts';
import { RegistryError } from '../../../activities/images/registry/errors.ts';
import type { PodTemplate, Workload } from '../../../activities/kubernetes/workload/kinds.ts';
import type { Revision } from '../../../activities/kubernetes/workload/revisions.ts';
import { containersOf, templateDigest } from '../../../activities/kubernetes/workload/template.ts';
import { FirebreakError } from '../../../domain/errors.ts';
import type { ImageAssessor } from '../../../domain/image.ts';
import { sha256, type Digest } from '../../../domain/json.ts';
import { readFile } from 'node:fs/promises';
import { Ajv } from 'ajv';
import { base } from '../../support/image-evidence.ts';
import { listing } from '../../support/listing-cluster.ts';

const since = new Date('2026-11-20T08:00:00Z');
const at = (hours: number): string => new Date(since.getTime() + hours * 3_600_000).toISOString();
const repository = 'registry.example/shop/api';
const ref = (text: string): string => `${repository}@${sha256(text)}`;

const template = (
  image: string,
  env: { name: string; value: string }[] = [],
  extra: object = {},
): PodTemplate => ({
  spec: { containers: [{ name: 'app', image, env, ...extra }] },
});

/** A revision `number`, made so many hours after the suspicion begins. */
function revision(number: number, hours: number, of: PodTemplate, more: Partial<Revision> = {}): Revision {
  return {
    number,
    formerNumbers: [],
    name: `api-${number}`,
    kind: 'ReplicaSet',
    uid: `uid-${number}`,
    createdAt: at(hours),
    current: false,
    template: of,
    templateDigest: templateDigest(of),
    stored: of,
    replicas: 0,
    editedBy: [],
    ...more,
  };
}

/** Accepts the images of these names; the digest is that of the reference's own name, or of what `tags` says. */
function assessor(
  accepted: readonly string[],
  tags: { [tag: string]: string } = {},
): ImageAssessor & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    async assess(reference) {
      asked.push(reference);
      const parsed = parseReference(reference);
      const name = tags[parsed.tag ?? ''];
      if (parsed.digest === undefined && name === undefined)
        throw new RegistryError(
          { registry: parsed.registry, operation: 'read it' },
          { class: 'gone', status: 404, message: 'HTTP 404' },
        );
      const digest: Digest = parsed.digest ?? sha256(name ?? '');
      const good = accepted.some((one) => sha256(one) === digest);
      return {
        repository: canonicalName(parsed),
        digest,
        children: [{ platform: 'linux/amd64', digest: sha256(`${digest} child`) }],
        judgement: good
          ? { verdict: 'accepted', reasons: [{ code: 'signed', text: 'by release' }], by: { key: 'release' } }
          : { verdict: 'refused', reasons: [{ code: 'unsigned', text: 'there is no signature' }] },
      };
    },
  };
}
const signal = AbortSignal.timeout(60_000);

/** As the action does: each revision, by what its images and its template are. */
async function explained(
  revisions: readonly Revision[],
  accepted: readonly string[],
  more: { since?: Date | undefined; accept?: string[]; baseline?: string; current?: PodTemplate } = {},
): Promise<Explained[]> {
  const suspicion = {
    since: 'since' in more ? more.since : since,
    accept: more.accept ?? [],
    baseline: baselineOf(revisions, { since: 'since' in more ? more.since : since, baseline: more.baseline }),
    currentDigest: templateDigest(more.current ?? template('current')),
  };
  const asker = createAsker(assessor(accepted), { signal });
  return Promise.all(
    revisions.map(async (one) =>
      explain(
        one,
        judgeTemplate(one, suspicion),
        await Promise.all(containersOf(one.template).map((c) => judgeContainer(c, new Set(), asker))),
      ),
    ),
  );
}
const of = (...revisions: Revision[]) => revisions;
const isEarlier = (one: Revision) => Date.parse(one.createdAt) < since.getTime();
const envOf = (one?: Revision) => JSON.stringify(one?.template.spec?.containers?.[0]?.env);
const verdicts = (found: readonly Explained[]) => found.map(({ acceptable }) => acceptable);
const failing = (error: Error): ImageAssessor => ({
  assess: async () => {
    throw error;
  },
});
const policy = (...good: string[]) =>
  parseImagePolicy({
    ...base,
    knownGood: good.map((one) => ({ repositories: ['registry.example/shop/*'], digest: sha256(one) })),
  });
const page = (name: string) =>
  readFile(new URL(`../../../docs/reference/actions/${name}.md`, import.meta.url), 'utf8');
const codes = (all: readonly Explained[]): string[][] =>
  all.map(({ reasons }) => reasons.map(({ code }) => code));

describe('a history', () => {
  const history = [
    revision(5, 30, template(ref('five')), { current: true }),
    revision(4, 20, template(ref('four'))),
    revision(3, 10, template(ref('good'), [{ name: 'RUN', value: 'evil' }])),
    revision(2, -10, template(ref('good'))),
    revision(1, -20, template(ref('good'))),
  ];

  test('the newest acceptable is chosen, and each one before it says why it is not', async () => {
    const all = await explained(history, ['good']);
    expect(codes(all)).toEqual([
      ['current', 'unsigned'],
      ['unsigned'],
      ['template-differs'],
      ['signed'],
      ['signed'],
    ]);
    expect(firstAcceptable(all)?.revision.name).toBe('api-2');
    expect(all[2]?.reasons[0]?.text).toContain('spec.containers[app].env');
    expect(all[2]?.differences).not.toEqual([]);
  });

  test('a difference that a person accepts is none; by its whole path only', async () => {
    const [path = ''] = (await explained(history, ['good']))[2]?.differences.map((one) => one.path) ?? [];
    const accepting = async (...accept: string[]) =>
      firstAcceptable(await explained(history, ['good'], { accept }))?.revision.name;
    expect(await accepting(path)).toBe('api-3');
    expect(await accepting('spec', 'spec.containers', path.slice(0, -1), `${path}.value`, '…')).toBe('api-2');
  });

  test('more differences than are told of are never accepted', async () => {
    const many = Array.from({ length: 80 }, (_, index) => ({ name: `V${index}`, value: 'x' }));
    const wide = [history[0], revision(3, 10, template(ref('good'), many)), history[3]].flatMap(
      (one) => one ?? [],
    );
    const accept = (await explained(wide, ['good']))[1]?.differences.map(({ path }) => path) ?? [];
    expect(accept).toContain('…');
    expect(firstAcceptable(await explained(wide, ['good'], { accept }))?.revision.name).toBe('api-2');
  });

  test('the one that runs now is never chosen, nor one that is the same but for a restart', async () => {
    const good = template(ref('good'));
    const restarted = {
      ...good,
      metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': '2026-11-23T00:00:00Z' } },
    };
    const two = [revision(2, -1, restarted, { current: true }), revision(1, -2, good)];
    const all = await explained(two, ['good'], { current: restarted });
    expect(codes(all)).toEqual([['current'], ['current']]);
    expect(firstAcceptable(all)).toBeUndefined();
  });

  test('one that somebody wrote into is refused, however old and well signed', async () => {
    const all = await explained(
      [revision(1, -10, template(ref('good')), { editedBy: ['kubectl-edit'] })],
      ['good'],
    );
    expect(codes(all)).toEqual([['revision-edited', 'no-baseline']]);
  });

  test('without containers there is nothing that could be acceptable', async () => {
    expect(codes(await explained([revision(1, -1, { spec: {} })], []))).toEqual([['no-containers']]);
  });
});

describe('what is compared with', () => {
  const plain = template(ref('good'));

  test('the revision that is named; the newest from before; the oldest', () => {
    const all = of(revision(3, 5, plain), revision(2, -1, plain), revision(1, -9, plain));
    expect(baselineOf(all, { since })).toMatchObject({ why: 'before-since', revision: { number: 2 } });
    expect(baselineOf(all, { since, baseline: 'api-1' })).toMatchObject({
      why: 'named',
      revision: { number: 1 },
    });
    expect(baselineOf(all.slice(0, 1), { since })).toMatchObject({ why: 'oldest', revision: { number: 3 } });
    expect(baselineOf(all, {})).toMatchObject({ why: 'oldest', revision: { number: 1 } });
    expect(baselineOf([], { since })).toBeUndefined();
  });

  test('by when they were made, not by their numbers: whoever may write a ReplicaSet chooses its number', () => {
    const all = of(revision(900, -9, plain), revision(2, -1, plain));
    expect(baselineOf(all, { since })?.revision.number).toBe(2);
  });

  test('one that somebody wrote into only when a person names it', () => {
    const edited = { editedBy: ['mallory'] };
    const all = of(revision(2, -1, plain, edited), revision(1, -9, plain));
    expect(baselineOf(all, { since })?.revision.number).toBe(1);
    expect(baselineOf(all, { since, baseline: 'api-2' })?.revision.number).toBe(2);
    expect(baselineOf(of(revision(2, 1, plain, edited)), { since })).toBeUndefined();
  });

  test('a name that there is not says which there are', () => {
    expect(() => baselineOf(of(revision(2, -1, plain)), { baseline: 'nope' })).toThrow(/FB3823.*nope.*api-2/);
    expect(() => baselineOf([], { baseline: 'nope' })).toThrow(/FB3823.*none/);
  });

  test('a time that cannot be read is never before', async () => {
    const all = await explained([revision(1, 0, template(ref('good')), { createdAt: '' })], ['good']);
    expect(codes(all)).toEqual([['no-baseline']]);
  });

  test('the oldest, where nothing is from before, is said to be that', async () => {
    const all = await explained([revision(2, 2, plain), revision(1, 1, template(ref('other')))], ['good']);
    expect(codes(all)).toEqual([['signed', 'compared-with-oldest'], ['unsigned']]);
  });
});

describe('whatever a history holds', () => {
  const anyRevision = fc.record({
    hours: fc.integer({ min: -50, max: 50 }),
    number: fc.nat({ max: 1_000 }),
    image: fc.constantFrom('good', 'better', 'bad', 'worse'),
    env: fc.constantFrom('', 'evil'),
    edited: fc.constantFrom(false, false, false, true),
    name: fc.oneof(fc.constant('api'), fc.string({ maxLength: 20 }), fc.constant('__proto__')),
  });
  type Any = typeof anyRevision extends fc.Arbitrary<infer T> ? T : never;
  const build = (all: readonly Any[], current: number): Revision[] =>
    all.map(({ hours, number, image, env, edited, name }, index) =>
      revision(number, hours, template(ref(image), env === '' ? [] : [{ name: 'RUN', value: env }]), {
        name: `${name}-${index}`,
        uid: `uid-${index}`,
        current: index === current,
        editedBy: edited ? ['mallory'] : [],
      }),
    );

  test('the choice is acceptable by every rule, is not what runs now, and nothing newer is acceptable', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyRevision, { maxLength: 12 }),
        fc.nat({ max: 12 }),
        async (all, current) => {
          const revisions = build(all, current);
          const now = revisions[current]?.template ?? template('none');
          const found = await explained(revisions, ['good', 'better'], { current: now });
          const chosen = firstAcceptable(found)?.revision;
          // By itself: no function of the action decides here.
          const clean = revisions.filter((one) => one.editedBy.length === 0);
          const byAge = clean.toSorted((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt));
          const baseline = byAge.find(isEarlier) ?? byAge.at(-1);
          const may = (one: Revision) =>
            baseline !== undefined &&
            one.editedBy.length === 0 &&
            JSON.stringify(one.template) !== JSON.stringify(now) &&
            [ref('good'), ref('better')].includes(one.template.spec?.containers?.[0]?.image ?? '') &&
            (isEarlier(one) || envOf(one) === envOf(baseline));
          expect(chosen?.uid).toBe(revisions.find(may)?.uid);
          for (const { acceptable, reasons } of found)
            expect([acceptable, reasons.length > 0]).toEqual([acceptable, true]);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('names and numbers that an attacker gives change nothing of what is acceptable', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyRevision, { minLength: 1, maxLength: 8 }),
        fc.array(fc.string({ maxLength: 30 }), { minLength: 8, maxLength: 8 }),
        async (all, names) => {
          const revisions = build(all, -1);
          const renamed = revisions.map((one, index) => ({ ...one, name: names[index] ?? '', number: 7 }));
          expect(verdicts(await explained(renamed, ['good']))).toEqual(
            verdicts(await explained(revisions, ['good'])),
          );
        },
      ),
      { numRuns: 100 },
    );
  });
});

const filling = (index: number, of: PodTemplate): Revision => revision(1_000 - index, 100, of);

describe('a history that was filled', () => {
  const workload: Workload = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'api', namespace: 'shop', uid: 'uid' },
    spec: { template: template('now') },
  };
  const given = input.parse({ cluster: 'listed', namespace: 'shop', kind: 'Deployment', name: 'api' });
  const examined = async (revisions: Revision[], images: ImageAssessor) =>
    examine(
      { cluster: listing({}), images, policy: noPolicy },
      given,
      {
        workload,
        revisions,
        since,
        baseline: baselineOf(revisions, { since }),
        policy: parseImagePolicy(base),
      },
      { signal },
    );

  test('costs no more than its templates do: the good one is come to, and those that tell nothing are not asked for', async () => {
    const evil = [{ name: 'RUN', value: 'evil' }];
    const all = [
      ...Array.from({ length: 300 }, (_, index) => filling(index, template(ref(`bad-${index}`), evil))),
      revision(1, -5, template(ref('good'))),
    ];
    const images = assessor(['good']);
    const found = await examined(all, images);
    expect(found.chosen?.revision.number).toBe(1);
    expect(found.explained).toHaveLength(301);
    expect(codes(found.explained.slice(20, 22))).toEqual([
      ['template-differs', 'not-assessed'],
      ['template-differs', 'not-assessed'],
    ]);
    expect(images.asked).toHaveLength(most.revisions + 1);
  });

  test('with a template of more containers than anybody has is refused without a look at them', async () => {
    const containers = Array.from({ length: 101 }, (_, index) => ({
      name: `c${index}`,
      image: ref(`i${index}`),
    }));
    const images = assessor(['good']);
    const found = await examined(
      [filling(0, { spec: { containers } }), revision(1, -5, template(ref('good')))],
      images,
    );
    expect(codes(found.explained)).toEqual([['template-differs', 'too-many-containers'], ['signed']]);
    expect(images.asked).toEqual([ref('good')]);
  });

  test('the same image is asked for once, however many revisions have it', async () => {
    const images = assessor(['good']);
    await examined(
      Array.from({ length: 40 }, (_, index) => revision(40 - index, -index - 1, template(ref('good')))),
      images,
    );
    expect(images.asked).toEqual([ref('good')]);
  });
});

describe('a tag', () => {
  const container = { name: 'app', role: 'container' as const, image: `${repository}:v1` };
  const judgeWith = (asked: ImageAssessor, ran: readonly Digest[], image = container.image) =>
    judgeContainer({ ...container, image }, new Set(ran), createAsker(asked, { signal }));

  test('of which nothing is known to have run is what it names now, and says so', async () => {
    expect(await judgeWith(assessor(['good'], { v1: 'good' }), [])).toMatchObject({
      accepted: true,
      pinned: ref('good'),
      reasons: [{ code: 'tag-resolved' }, { code: 'signed' }],
    });
  });

  test('that is what its pods ran, by the index or by the platform, is that', async () => {
    const child = sha256(`${sha256('good')} child`);
    for (const ran of [[sha256('good')], [child], [sha256('good'), child]])
      expect(await judgeWith(assessor(['good'], { v1: 'good' }), ran)).toMatchObject({
        accepted: true,
        pinned: ref('good'),
        reasons: [{ code: 'signed' }],
      });
  });

  test('that has moved to something good: what ran is judged, not that', async () => {
    expect(await judgeWith(assessor(['good'], { v1: 'good' }), [sha256('bad')])).toMatchObject({
      accepted: false,
      pinned: ref('bad'),
      reasons: [{ code: 'tag-moved' }, { code: 'unsigned' }],
    });
  });

  test('that has moved, or is gone, is what its pods ran', async () => {
    for (const tags of [{ v1: 'bad' }, {}])
      expect(await judgeWith(assessor(['good'], tags), [sha256('good')])).toMatchObject({
        accepted: true,
        pinned: ref('good'),
      });
  });

  test('of which its pods ran several, and it names neither, is refused', async () => {
    expect(
      await judgeWith(assessor(['good', 'better'], { v1: 'new' }), [sha256('good'), sha256('better')]),
    ).toMatchObject({ accepted: false, pinned: '', reasons: [{ code: 'digest-ambiguous' }] });
  });

  test('beside a digest means nothing', async () => {
    const asked = assessor(['good']);
    const image = `${repository}:v1@${sha256('good')}`;
    expect(await judgeWith(asked, [sha256('bad')], image)).toMatchObject({
      accepted: true,
      pinned: ref('good'),
    });
    expect(asked.asked).toEqual([image]);
  });

  test('an image that an attacker names wrongly is refused, and stops nothing; a registry that is away does', async () => {
    const where = { registry: 'r', operation: 'read' };
    for (const [error, code] of [
      [new FirebreakError('FB3801', 'no reference'), 'reference-invalid'],
      [new FirebreakError('FB3802', 'not configured'), 'registry-not-configured'],
      [new RegistryError(where, { class: 'gone', message: '' }), 'image-gone'],
      [new RegistryError(where, { class: 'denied', message: '' }), 'registry-denies'],
      [new RegistryError(where, { class: 'malformed', message: '' }), 'image-unreadable'],
      [new RegistryError(where, { class: 'too-large', message: '' }), 'image-unreadable'],
    ] as const)
      expect(await judgeWith(failing(error), [])).toMatchObject({
        accepted: false,
        reasons: expect.arrayContaining([expect.objectContaining({ code })]),
      });
    for (const error of [
      new RegistryError(where, { class: 'retryable', message: '' }),
      new RegistryError(where, { class: 'lied', message: '' }),
      new RegistryError(where, { class: 'elsewhere', message: '' }),
      new FirebreakError('FB3811', 'the policy is not valid'),
      new FirebreakError('FB3814', 'the root is not the one pinned'),
      new Error('anything else'),
    ])
      await expect(judgeWith(failing(error), [])).rejects.toBe(error);
  });
});

describe('digests that are named', () => {
  const two: PodTemplate = {
    spec: {
      initContainers: [{ name: 'setup', image: ref('setup') }],
      containers: [{ name: 'app', image: ref('bad') }],
    },
  };
  const named = (
    accepted: string[],
    digests: { container: string; image: string }[],
    good: string[] = [],
    now: PodTemplate = two,
  ) =>
    judgeNamed(
      containersOf(two),
      { digests },
      policy(...good),
      containersOf(now),
      createAsker(assessor(accepted), { signal }),
    );

  test('by the responder: judged like any other, beside the images of the template', async () => {
    const digests = [{ container: 'app', image: ref('good') }];
    expect(await named(['setup', 'good'], digests)).toMatchObject({
      acceptable: true,
      images: [
        { container: 'setup', pinned: ref('setup') },
        { container: 'app', pinned: ref('good') },
      ],
    });
    expect(await named(['setup'], digests)).toMatchObject({ acceptable: false });
    expect(await named(['good'], digests)).toMatchObject({
      acceptable: false,
      reasons: [{ code: 'unsigned', text: expect.stringMatching(/^setup: /) }],
    });
  });

  test('by the policy: the first that is acceptable; never in place of what the responder names', async () => {
    expect(await named(['setup', 'good', 'better'], [], ['worse', 'good', 'better'])).toMatchObject({
      acceptable: true,
      images: [{ pinned: ref('setup') }, { pinned: ref('good') }],
    });
    expect(
      await named(['setup', 'good'], [{ container: 'app', image: ref('worse') }], ['good']),
    ).toMatchObject({ acceptable: false });
  });

  test('nothing that is named is no choice, nor is what the workload says now, or a container that is not there', async () => {
    expect(await named(['setup', 'bad'], [])).toMatchObject({ acceptable: false });
    const same = [{ container: 'app', image: ref('bad') }];
    expect(await named(['setup', 'bad'], same)).toMatchObject({
      acceptable: false,
      reasons: [{ code: 'current' }],
    });
    expect(await named(['setup', 'bad'], same, [], template(ref('other')))).toMatchObject({
      acceptable: true,
    });
    expect(
      await named(['setup', 'bad', 'good'], [{ container: 'sidecar', image: ref('good') }]),
    ).toMatchObject({ acceptable: false, reasons: [{ code: 'container-unknown' }] });
  });
});

describe('what later steps get', () => {
  const workload: Workload = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'api' },
    spec: { template: template('now') },
  };
  const valid = new Ajv({ strict: false }).compile(outputs);

  test('is bounded, has the chosen one wherever it is, and fits its schema; the evidence has all', async () => {
    const good = revision(0, -900, template(ref('good')));
    const attack = Array.from({ length: 99 }, (_, index) =>
      revision(
        99 - index,
        99 - index,
        template(
          ref(`bad-${index}`),
          Array.from({ length: 60 }, (__, n) => ({ name: `V${n}`, value: `${index} `.repeat(90) })),
        ),
      ),
    );
    const revisions = [...attack, good];
    const explanations = await explained(revisions, ['good']);
    const examined = {
      workload,
      revisions,
      since,
      baseline: baselineOf(revisions, { since }),
      policy: parseImagePolicy(base),
      explained: explanations,
      chosen: firstAcceptable(explanations),
      named: undefined,
    };
    const given = outputsOf(examined, '');
    expect(valid(given) ? [] : valid.errors).toEqual([]);
    expect(given['revisions']).toHaveLength(most.revisions);
    expect(given['revisions']).toContainEqual(
      expect.objectContaining({ revision: 'api-0', acceptable: true }),
    );
    expect(JSON.stringify(given).length).toBeLessThan(120_000);
    expect(recordOf(examined)['revisions']).toHaveLength(100);
    expect(choiceOf(examined)).toEqual({
      revision: 'api-0',
      uid: 'uid-0',
      templateDigest: good.templateDigest,
      images: [{ container: 'app', image: ref('good') }],
      signers: [{ container: 'app', key: 'release', identity: '', issuer: '', signedAt: '' }],
    });
  });

  test('shows no value that looks like a secret, neither in outputs nor in evidence', async () => {
    const secret = 'hunter2-hunter2-hunter2';
    const revisions = [
      revision(2, 5, template(ref('good'), [{ name: 'DB_PASSWORD', value: secret }])),
      revision(1, -5, template(ref('bad'), [{ name: 'DB_PASSWORD', value: `${secret}-old` }])),
    ];
    const explanations = await explained(revisions, ['good']);
    const examined = {
      workload,
      revisions,
      since,
      baseline: baselineOf(revisions, { since }),
      policy: parseImagePolicy(base),
      explained: explanations,
      chosen: undefined,
      named: undefined,
    };
    const text = JSON.stringify([outputsOf(examined, ''), recordOf(examined)]);
    expect(text).toContain('DB_PASSWORD');
    expect(text).not.toContain('hunter2');
    expect(valid(outputsOf(examined, ''))).toBe(true);
  });

  test('with digests that are named: the baseline by its name, or what the workload has now', async () => {
    const old = revision(1, -5, template(ref('bad')));
    const images = [
      {
        container: 'app',
        image: ref('bad'),
        pinned: ref('good'),
        accepted: true,
        reasons: [],
        digests: [sha256('good')],
      },
    ];
    const common = {
      workload,
      revisions: [old],
      since,
      policy: parseImagePolicy(base),
      explained: [],
      chosen: undefined,
      named: { acceptable: true, reasons: [], images },
    };
    expect(choiceOf({ ...common, baseline: { revision: old, why: 'before-since' } })).toMatchObject({
      revision: 'api-1',
      uid: 'uid-1',
      templateDigest: old.templateDigest,
      images: [{ container: 'app', image: ref('good') }],
    });
    for (const baseline of [undefined, { revision: { ...old, current: true }, why: 'oldest' as const }])
      expect(choiceOf({ ...common, baseline })).toMatchObject({
        revision: '',
        uid: '',
        templateDigest: templateDigest(template('now')),
      });
  });
});

test('its page lists every reason of its own, and that of images.verify every reason why an image is not judged', async () => {
  const known = await page('find-known-good');
  for (const code of revisionReasonCodes) expect(known).toContain(`\`${code}\``);
  const verify = await page('images-verify');
  for (const code of unreadReasonCodes) expect(verify).toContain(`\`${code}\``);
});

test('its input is strict', () => {
  const good = { cluster: 'c', namespace: 'shop', kind: 'Deployment', name: 'api' };
  expect(input.safeParse(good).success).toBe(true);
  for (const wrong of [
    { kind: 'ReplicaSet' },
    { since: 'yesterday' },
    { digests: [{ container: 'app', image: `${repository}:v1` }] },
    { digests: [0, 1].map(() => ({ container: 'app', image: ref('good') })) },
    { more: 1 },
    { name: '../x' },
  ])
    expect(input.safeParse({ ...good, ...wrong }).success).toBe(false);
});
