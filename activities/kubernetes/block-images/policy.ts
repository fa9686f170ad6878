import { builtInProtected } from '../../../domain/guardrails.ts';
import { sha256, canonical, type Digest } from '../../../domain/json.ts';
import { isDigest } from '../../images/reference.ts';
import { holdOfMark, isMarked, mark } from '../quarantine/marks.ts';
import type { KubernetesObject } from '../resources.ts';
import { ruleOf, type Rule } from './rule.ts';

/** What stands in a cluster for one block. */
export interface Block {
  /** Whose mark it bears: of all who hold the same targets. */
  hold: string;
  rule: Rule;
  /** Whose members may start what is refused to everybody else. */
  responderGroup: string;
}

const prefix = 'firebreak-images-';
const PART = 1_000;
const ruleAnnotation = 'firebreak.dev/image-rule';

/** By what is held and what is refused: blocks that differ stand side by side, and an image must pass each of them. */
export function policyName({ hold, rule }: Pick<Block, 'hold' | 'rule'>): string {
  const hex = sha256(canonical({ hold, rule: ruleOf(rule) })).slice('sha256:'.length);
  return `${prefix}${hex.slice(0, 16)}`;
}

const kinds: { apiGroups: string[]; resources: string[]; operations: string[] }[] = [
  {
    apiGroups: [''],
    resources: ['pods', 'podtemplates', 'replicationcontrollers'],
    operations: ['CREATE', 'UPDATE'],
  },
  { apiGroups: [''], resources: ['pods/ephemeralcontainers'], operations: ['UPDATE'] },
  {
    apiGroups: ['apps'],
    resources: ['deployments', 'replicasets', 'statefulsets', 'daemonsets'],
    operations: ['CREATE', 'UPDATE'],
  },
  { apiGroups: ['batch'], resources: ['jobs', 'cronjobs'], operations: ['CREATE', 'UPDATE'] },
];

const everywhere = { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} };

/** JSON's escapes are CEL's too. */
const text = (value: string) => JSON.stringify(value);
const list = (values: readonly string[]) => `[${values.map(text).join(',')}]`;

/** Pods' spec in whatever kind of object it is. Untyped: one expression judges kinds that have not all of these fields. */
function podSpec(object: string): string {
  const any = `dyn(${object})`;
  return (
    `(request.resource.resource == 'pods' ? ${any}.?spec : ` +
    `request.resource.resource == 'podtemplates' ? ${any}.?template.?spec : ` +
    `request.resource.resource == 'cronjobs' ? ${any}.?spec.?jobTemplate.?spec.?template.?spec : ` +
    `${any}.?spec.?template.?spec).orValue({})`
  );
}

/** One text for each image, `c:<container>=<image>`: names of containers and volumes have no `=`. */
function entries(spec: string): string {
  const containers = (field: string, role: string) =>
    `${spec}.?${field}.orValue([]).map(c, '${role}:' + c.name + '=' + c.?image.orValue(''))`;
  return [
    containers('containers', 'c'),
    containers('initContainers', 'i'),
    containers('ephemeralContainers', 'e'),
    `${spec}.?volumes.orValue([]).filter(v, has(v.image)).map(v, 'v:' + v.name + '=' + v.image.?reference.orValue(''))`,
  ].join(' + ');
}

const parts = "e.substring(e.indexOf('=') + 1).split('@')";

function protectedNamespaces(): string {
  const exact = builtInProtected.filter((name) => !name.endsWith('*'));
  const prefixes = builtInProtected.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));
  const tests = [
    `request.namespace in ${list(exact)}`,
    ...prefixes.map((start) => `request.namespace.startsWith(${text(start)})`),
  ];
  return tests.join(' || ');
}

/**
 * The admission policy of a block, and its binding. What an object names already is not judged again, so that it can be scaled down, labelled and ended.
 * Defaults of the API are written out, so that they can be compared.
 */
export function blockObjects(block: Block): [policy: KubernetesObject, binding: KubernetesObject] {
  const name = policyName(block);
  const { namespaces, deny, allow } = ruleOf(block.rule);
  const { labels = {}, annotations = {} } = mark(block.hold);
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: {
        name,
        labels,
        annotations: { ...annotations, [ruleAnnotation]: canonical({ namespaces, deny, allow }) },
      },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          ...everywhere,
          resourceRules: kinds.map((kind) => ({ ...kind, apiVersions: ['*'], scope: 'Namespaced' })),
        },
        matchConditions: [
          { name: 'not-protected', expression: `!(${protectedNamespaces()})` },
          {
            name: 'not-a-responder',
            expression: `!(has(request.userInfo.groups) && ${text(block.responderGroup)} in request.userInfo.groups)`,
          },
        ],
        variables: [
          { name: 'spec', expression: podSpec('object') },
          { name: 'oldSpec', expression: `oldObject == null ? dyn({}) : dyn(${podSpec('oldObject')})` },
          { name: 'images', expression: entries('variables.spec') },
          { name: 'oldImages', expression: entries('variables.oldSpec') },
          {
            name: 'added',
            expression:
              'variables.images == variables.oldImages ? [] : variables.images.filter(e, !(e in variables.oldImages))',
          },
          {
            name: 'denied',
            expression: `variables.added.filter(e, ${parts}.exists(p, p.trim().lowerAscii() in ${list(deny)}))`,
          },
          ...notAllowed(namespaces, allow),
        ],
        validations: [
          {
            expression: 'variables.denied.size() == 0',
            message: 'Firebreak denies the digest of an image',
            messageExpression:
              "'Firebreak denies the digest of this image: ' + variables.denied[0].substring(2)",
            reason: 'Forbidden',
          },
          {
            expression: 'variables.notAllowed.size() == 0',
            message: 'Firebreak lets only images start here that are pinned to a digest on its list',
            messageExpression:
              "'Firebreak lets only images start here that are pinned to a digest on its list, and this is none: ' + variables.notAllowed[0].substring(2)",
            reason: 'Forbidden',
          },
        ],
      },
    },
    bindingOf(name, block.hold),
  ];
}

/** Goes through the list in parts, each of which leaves what it does not name: the API server takes no expression of more than 100,000 characters. */
function notAllowed(
  namespaces: readonly string[],
  allow: readonly string[],
): { name: string; expression: string }[] {
  const parted = Array.from({ length: Math.max(1, Math.ceil(allow.length / PART)) }, (_, at) =>
    allow.slice(at * PART, (at + 1) * PART),
  );
  return parted.map((part, at) => {
    const left = at === 0 ? 'variables.added' : `variables.notIn${at - 1}`;
    const passes = `${parts}.size() == 2 && ${parts}[0] != '' && ${parts}[1] in ${list(part)}`;
    return {
      name: at === parted.length - 1 ? 'notAllowed' : `notIn${at}`,
      expression: `request.namespace in ${list(namespaces)} ? ${left}.filter(e, !(${passes})) : []`,
    };
  });
}

/** What puts a policy of a hold into force, everywhere: the policy itself says where it holds. */
export function bindingOf(policyName: string, hold: string): KubernetesObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: policyName, ...mark(hold) },
    spec: { policyName, matchResources: everywhere, validationActions: ['Deny', 'Audit'] },
  };
}

/** The rule of a policy of a hold, by what it says of itself; undefined for one that bears another name than its rule gives. */
export function readRule(policy: KubernetesObject, hold: string): Rule | undefined {
  const rule = parseRule(policy.metadata.annotations?.[ruleAnnotation] ?? '');
  return rule !== undefined && policyName({ hold, rule }) === policy.metadata.name ? rule : undefined;
}

/** Whether an object is part of a block of a hold, altered or not. */
export function isOfHold(object: KubernetesObject, hold: string): boolean {
  return object.metadata.name.startsWith(prefix) && isMarked(object, hold);
}

/** The rule of any block, of whatever hold; undefined for what is none, or was altered in what it says of itself. */
export function ruleOfAny(policy: KubernetesObject): Rule | undefined {
  return policy.metadata.name.startsWith(prefix) ? readRule(policy, holdOfMark(policy)) : undefined;
}

function parseRule(json: string): Rule | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('namespaces' in value && 'deny' in value && 'allow' in value)) return undefined;
  const { namespaces, deny, allow } = value;
  if (!isTexts(namespaces) || !isDigests(deny) || !isDigests(allow)) return undefined;
  return { namespaces, deny, allow };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isDigests(value: unknown): value is Digest[] {
  return isTexts(value) && value.every(isDigest);
}
