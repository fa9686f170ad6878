import type { z } from 'zod';

/** The first fault of a body, by field: `output_fields.proc.name: Invalid input`. Quotes no value of the body. */
export function issueText(error: z.ZodError): string {
  const [issue] = error.issues;
  if (issue === undefined) return 'it does not have the expected shape';
  const path = issue.path.map(String).join('.').slice(0, 200);
  return `${path === '' ? 'the body' : path}: ${issue.message.slice(0, 300)}`;
}
