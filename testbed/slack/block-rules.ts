/**
 * Block Kit's published limits, checked the way Slack does: every fault is a message with the JSON pointer of its
 * place. Sources: docs.slack.dev/reference/block-kit, the pages Blocks, Block elements and Composition objects.
 */
import { isObject } from './types.ts';
import type { JsonObject } from './types.ts';

/** Collects faults; each reads `<what is wrong> [json-pointer:<where>]`. */
export class Faultfinder {
  readonly faults: string[] = [];

  fault(message: string, pointer: string): void {
    this.faults.push(`${message} [json-pointer:${pointer}]`);
  }

  object(value: unknown, pointer: string): value is JsonObject {
    if (isObject(value)) return true;
    this.fault(value === undefined ? 'missing required field' : 'must be an object', pointer);
    return false;
  }

  /** A string of `min` to `max` characters; Slack's own wording names the first length that is refused. */
  string(value: unknown, pointer: string, max: number, min = 0): void {
    if (typeof value !== 'string')
      return this.fault(value === undefined ? 'missing required field' : 'must be a string', pointer);
    if (value.length > max) this.fault(`must be less than ${max + 1} characters`, pointer);
    if (value.length < min) this.fault(`must be more than ${min - 1} characters`, pointer);
  }

  optionalString(value: unknown, pointer: string, max: number, min = 0): void {
    if (value !== undefined) this.string(value, pointer, max, min);
  }

  list(value: unknown, pointer: string, max: number, min = 1): value is unknown[] {
    if (!Array.isArray(value)) {
      this.fault(value === undefined ? 'missing required field' : 'must be an array', pointer);
      return false;
    }
    if (value.length > max) this.fault(`no more than ${max} items allowed`, pointer);
    if (value.length < min) this.fault(`no fewer than ${min} items allowed`, pointer);
    return true;
  }

  oneOf(value: unknown, allowed: readonly string[], pointer: string): void {
    if (typeof value !== 'string' || !allowed.includes(value))
      this.fault(`must be one of ${allowed.join(', ')}`, pointer);
  }

  /** A text object; `plain` demands `plain_text`. */
  text(value: unknown, pointer: string, max: number, plain = false): void {
    if (!this.object(value, pointer)) return;
    this.oneOf(value['type'], plain ? ['plain_text'] : ['plain_text', 'mrkdwn'], `${pointer}/type`);
    this.string(value['text'], `${pointer}/text`, max, 1);
  }

  optionalText(value: unknown, pointer: string, max: number, plain = false): void {
    if (value !== undefined) this.text(value, pointer, max, plain);
  }
}
