import { ACCESSORIES, ACTION_ELEMENTS, INPUT_ELEMENTS, checkElement } from './block-elements.ts';
import { Faultfinder } from './block-rules.ts';
import { hex } from './identity.ts';
import { isObject, objectsOf, textOf } from './types.ts';
import type { JsonObject } from './types.ts';

type Check = (find: Faultfinder, block: JsonObject, pointer: string) => void;

const section: Check = (find, block, at) => {
  if (block['text'] === undefined && block['fields'] === undefined)
    find.fault('missing required field', `${at}/text`);
  find.optionalText(block['text'], `${at}/text`, 3_000);
  if (block['fields'] !== undefined && find.list(block['fields'], `${at}/fields`, 10)) {
    for (const [index, field] of block['fields'].entries()) find.text(field, `${at}/fields/${index}`, 2_000);
  }
  if (block['accessory'] !== undefined)
    checkElement(find, block['accessory'], `${at}/accessory`, ACCESSORIES);
};

const context: Check = (find, block, at) => {
  if (!find.list(block['elements'], `${at}/elements`, 10)) return;
  for (const [index, element] of block['elements'].entries()) {
    const here = `${at}/elements/${index}`;
    if (isObject(element) && element['type'] === 'image') checkElement(find, element, here, ['image']);
    else find.text(element, here, 3_000);
  }
};

const actions: Check = (find, block, at) => {
  if (!find.list(block['elements'], `${at}/elements`, 25)) return;
  for (const [index, element] of block['elements'].entries()) {
    checkElement(find, element, `${at}/elements/${index}`, ACTION_ELEMENTS);
  }
};

const input: Check = (find, block, at) => {
  find.text(block['label'], `${at}/label`, 2_000, true);
  find.optionalText(block['hint'], `${at}/hint`, 2_000, true);
  checkElement(find, block['element'], `${at}/element`, INPUT_ELEMENTS);
};

const image: Check = (find, block, at) => {
  find.string(block['alt_text'], `${at}/alt_text`, 2_000, 1);
  find.optionalText(block['title'], `${at}/title`, 2_000, true);
  if (block['slack_file'] === undefined) find.string(block['image_url'], `${at}/image_url`, 3_000, 1);
};

const CHECKS: Record<string, Check> = {
  section,
  context,
  actions,
  input,
  image,
  divider: () => undefined,
  header: (find, block, at) => find.text(block['text'], `${at}/text`, 150, true),
  markdown: (find, block, at) => find.string(block['text'], `${at}/text`, 12_000, 1),
  rich_text: (find, block, at) =>
    void find.list(block['elements'], `${at}/elements`, Number.MAX_SAFE_INTEGER, 0),
};

/** The interactive elements of a block, wherever the block keeps them. */
export function elementsOf(block: JsonObject): JsonObject[] {
  return [...objectsOf(block['elements']), ...[block['accessory'], block['element']].filter(isObject)];
}

/** Ids must not repeat: block_id in the surface, action_id in its block. Otherwise a click could not be told apart. */
function checkIds(find: Faultfinder, blocks: unknown[], pointer: string): void {
  const blockIds = new Set<unknown>();
  for (const [index, block] of blocks.entries()) {
    if (!isObject(block)) continue;
    const id = block['block_id'];
    if (id !== undefined && blockIds.has(id))
      find.fault('block_id already in use', `${pointer}/${index}/block_id`);
    blockIds.add(id);
    const actionIds = elementsOf(block).flatMap((element) =>
      element['action_id'] === undefined ? [] : [element['action_id']],
    );
    if (new Set(actionIds).size < actionIds.length)
      find.fault('action_id already in use', `${pointer}/${index}/elements`);
  }
}

/**
 * Checks the blocks of a message (at most 50) or a view (at most 100) against Block Kit's published limits.
 * @returns what is wrong, each with its JSON pointer; empty when Slack would take them.
 */
export function checkBlocks(blocks: unknown, max: number, pointer = '/blocks'): string[] {
  const find = new Faultfinder();
  if (!find.list(blocks, pointer, max, 0)) return find.faults;
  for (const [index, block] of blocks.entries()) {
    const at = `${pointer}/${index}`;
    if (!find.object(block, at)) continue;
    const check = typeof block['type'] === 'string' ? CHECKS[block['type']] : undefined;
    if (!check) {
      find.fault(`unsupported type: ${String(block['type'])}`, `${at}/type`);
      continue;
    }
    find.optionalString(block['block_id'], `${at}/block_id`, 255);
    check(find, block, at);
  }
  checkIds(find, blocks, pointer);
  return find.faults;
}

/** docs.slack.dev/reference/views/modal-views: what Slack refuses in a modal. */
export function checkView(view: JsonObject): string[] {
  const find = new Faultfinder();
  find.text(view['title'], '/view/title', 24, true);
  find.optionalText(view['submit'], '/view/submit', 24, true);
  find.optionalText(view['close'], '/view/close', 24, true);
  find.optionalString(view['private_metadata'], '/view/private_metadata', 3_000);
  find.optionalString(view['callback_id'], '/view/callback_id', 255);
  const hasInput = objectsOf(view['blocks']).some((block) => block['type'] === 'input');
  if (hasInput && view['submit'] === undefined) find.fault('missing required field', '/view/submit');
  return [...find.faults, ...checkBlocks(view['blocks'], 100, '/view/blocks')];
}

const TEXTS_AND_IMAGES = ['mrkdwn', 'plain_text', 'image'];

const named = (element: unknown): unknown =>
  isObject(element) && !TEXTS_AND_IMAGES.includes(textOf(element['type']))
    ? { action_id: hex(3), ...element }
    : element;

/** Slack gives every block a block_id and every element an action_id that the app left out. */
export function withIds(blocks: JsonObject[]): JsonObject[] {
  return blocks.map((block) => ({
    ...block,
    block_id: block['block_id'] ?? hex(3),
    ...(block['type'] === 'actions' && Array.isArray(block['elements'])
      ? { elements: block['elements'].map(named) }
      : {}),
    ...(block['accessory'] === undefined ? {} : { accessory: named(block['accessory']) }),
    ...(block['element'] === undefined ? {} : { element: named(block['element']) }),
  }));
}
