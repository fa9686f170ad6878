import { z } from 'zod';

/** As the playbook language has it for inputs of type `secret`. */
const secretNamePattern = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,252}$/;

/** An input that is the name of a secret. */
export function secretName(describe: string) {
  return z
    .string()
    .regex(secretNamePattern, 'must be the name of a secret, <store>/<path>')
    .meta({ 'x-secret': true, description: describe });
}
