import { z } from 'zod';

/** Name of an object, in what a playbook gives. */
export const objectName = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, 'must be the name of an object');

/** A SHA-256 digest as the project writes it. */
export const digestShape = z.templateLiteral(['sha256:', z.string().regex(/^[0-9a-f]{64}$/)]);
