import type { ActionContext, Mandate } from '../../domain/action.ts';
import { isObject, type JsonObject } from '../../domain/json.ts';

/** What a plan stored about what it saw. @throws when the evidence is missing or altered */
export async function baseOf(context: ActionContext, { base }: Pick<Mandate, 'base'>): Promise<JsonObject> {
  const value: unknown = JSON.parse(new TextDecoder().decode(await context.evidence.get(base)));
  if (!isObject(value)) throw new TypeError('the base snapshot is no JSON object');
  return value;
}
