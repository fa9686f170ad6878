import type { InputBlock, KnownBlock, ModalView, PlainTextElement } from '@slack/web-api';
import { redact } from '../../domain/redaction.ts';
import { oneLine } from '../../domain/safe-text.ts';

/** Words that Slack parses for nothing: no mention, link or formatting can come of them. Slack takes no empty text. */
export const plain = (text: string, max: number): PlainTextElement => ({
  type: 'plain_text',
  text: oneLine(redact(text), max) || '–',
  emoji: false,
});

export const said = (text: string, max: number): KnownBlock => ({ type: 'section', text: plain(text, max) });

/** Where a form's reason, and an error about it, is: block and element. */
export const reasonBlock = 'reason';
const mostReason = 500;

export function reasonInput(label: string): InputBlock {
  return {
    type: 'input',
    block_id: reasonBlock,
    label: plain(label, 200),
    element: {
      type: 'plain_text_input',
      action_id: 'text',
      multiline: true,
      min_length: 1,
      max_length: mostReason,
    },
  };
}

/**
 * A form in a window. Slack refuses more than 24 characters in a title or on a button, more than 100 blocks, and more than 3,000 characters of metadata.
 * @param bound What a submission must know of the button that opened it.
 */
export function modal(
  callback: string,
  bound: object,
  words: { title: string; submit: string },
  blocks: KnownBlock[],
): ModalView {
  return {
    type: 'modal',
    callback_id: callback,
    private_metadata: JSON.stringify(bound),
    title: plain(words.title, 24),
    submit: plain(words.submit, 24),
    close: plain('Go back', 24),
    blocks,
  };
}
