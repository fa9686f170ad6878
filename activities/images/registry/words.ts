import { z } from 'zod';

const errorsSchema = z.object({
  errors: z.array(z.object({ code: z.string().optional(), message: z.string().optional() })).min(1),
});

/** What the body of an error says (OCI distribution-spec, error codes), after its status. What it says is the registry's: it is to be cleaned. */
export function wordsOf(status: number, body: Uint8Array): string {
  const said = errorsSchema.safeParse(parsed(body));
  if (!said.success) return `HTTP ${status}`;
  const words = said.data.errors
    .slice(0, 3)
    .map(({ code, message }) => [code, message].filter(Boolean).join(' '));
  return `HTTP ${status}: ${words.join('; ')}`;
}

function parsed(body: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return value;
  } catch {
    return undefined;
  }
}
