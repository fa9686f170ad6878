import { z } from 'zod';
import { isNamespaceName } from '../resources.ts';
import { objectName } from '../shapes.ts';
import { rollbackKinds } from './kinds.ts';

/** How a step of a playbook names a workload: fields of its input. */
export const workloadFields = {
  cluster: z.string().min(1).max(253).describe('Name of the cluster as configured'),
  namespace: z
    .string()
    .refine(isNamespaceName, 'must be the name of a namespace')
    .describe('Namespace of the workload'),
  kind: z.enum(rollbackKinds).describe('Kind of the workload'),
  name: objectName.describe('Name of the workload'),
};

/** A container of its template with an image by digest. @param description of the image */
export function containerImage(description: string) {
  return z.strictObject({
    container: z.string().min(1).max(63).describe('Name of a container or an init container'),
    image: z
      .string()
      .max(1_000)
      .regex(/^[^\s@]+@sha256:[0-9a-f]{64}$/, 'must be <repository>@sha256:<digest>')
      .describe(description),
  });
}
