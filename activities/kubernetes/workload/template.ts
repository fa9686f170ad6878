import { digest, isObject, type Digest } from '../../../domain/json.ts';
import type { Container, PodTemplate } from './kinds.ts';

/** The controllers' own, and what only says that pods are to be made again: none of it is part of what runs. */
const hashLabel = 'pod-template-hash';
const passing = (annotation: string) =>
  annotation === 'kubectl.kubernetes.io/restartedAt' || annotation.startsWith('firebreak.dev/');

/** A container of a template by its name, and what it runs. */
export interface TemplateContainer {
  name: string;
  role: 'container' | 'init';
  image: string;
}

/** A template as its author wrote it: without the controllers' label, the directive of a revision's patch, and what has no value. */
export function asStored(template: PodTemplate): PodTemplate {
  const { $patch: _, metadata = {}, ...rest } = withoutNulls(template);
  const { labels = {}, creationTimestamp: __, ...others } = metadata;
  const { [hashLabel]: ___, ...kept } = labels;
  return bare({ ...rest, metadata: bare({ ...others, labels: kept }) });
}

/** As `asStored`, and without what does not change what runs: marks of restarts and our own. */
export function normalised(template: PodTemplate): PodTemplate {
  const { metadata = {}, ...rest } = asStored(template);
  const annotations = Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(([key]) => !passing(key)),
  );
  return bare({ ...rest, metadata: bare({ ...metadata, annotations }) });
}

/** Of the normalised template: templates that make the same pods have the same. */
export function templateDigest(template: PodTemplate): Digest {
  return digest(normalised(template));
}

/** Of the template as it is stored: it changes with every edit. */
export function storedDigest(template: PodTemplate): Digest {
  return digest(asStored(template));
}

/** Every container that pods of this template start with, init containers first. */
export function containersOf({ spec = {} }: PodTemplate): TemplateContainer[] {
  const named = (role: TemplateContainer['role'], containers: readonly Container[] = []) =>
    containers.map(({ name = '', image = '' }) => ({ name, role, image }));
  return [...named('init', spec.initContainers), ...named('container', spec.containers)];
}

/** The template with each container's image replaced by the one of its name; containers that are not named keep theirs. */
export function withImages(template: PodTemplate, images: ReadonlyMap<string, string>): PodTemplate {
  const { spec = {} } = template;
  const replaced = (containers: readonly Container[]) =>
    containers.map((container) => ({
      ...container,
      ...(images.has(container.name ?? '') ? { image: images.get(container.name ?? '') ?? '' } : {}),
    }));
  return {
    ...template,
    spec: {
      ...spec,
      ...(spec.initContainers === undefined ? {} : { initContainers: replaced(spec.initContainers) }),
      ...(spec.containers === undefined ? {} : { containers: replaced(spec.containers) }),
    },
  };
}

/** Labels and annotations that are empty, and metadata of nothing else, are as if they were not there. */
function bare<T extends object>(value: T): T {
  const entries = Object.entries(value).filter(
    ([key, item]) =>
      !(
        ['metadata', 'labels', 'annotations'].includes(key) &&
        isObject(item) &&
        Object.keys(item).length === 0
      ),
  );
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only optional fields are left out
  return Object.fromEntries(entries) as T;
}

function withoutNulls<T>(value: T): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of the same shape: absent and null mean the same to the API
  return pruned(value) as T;
}

function pruned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pruned);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null && item !== undefined)
      .map(([key, item]) => [key, pruned(item)]),
  );
}
