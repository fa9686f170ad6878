import type { KnownBlock } from '@slack/web-api';
import { oneLine } from '../../domain/safe-text.ts';
import { slackText } from '../../domain/slack.ts';
import { Problem } from '../problem.ts';

export type Wish = 'approval' | 'denial' | 'release request' | 'answer' | 'cancellation';

/** Why a wish has no effect, in words for the person who had it. */
export function refusal(wish: Wish, error: unknown): string {
  if (!(error instanceof Problem))
    return `Your ${wish} could not be recorded. Nothing changed: try again. (FB1900)`;
  const detail = error.detail.replace(/\.$/, '');
  if (error.code === 'FB1403') {
    return `It is not known yet whether your ${wish} was recorded: ${detail}. (${error.code})`;
  }
  if (error.status === 503) {
    return `Your ${wish} could not be recorded: ${detail}. If this persists, decide with the firebreak command. (${error.code})`;
  }
  return `Your ${wish} was refused: ${detail}. (${error.code})`;
}

/** A message only one person sees; unparsed. */
export function privately(text: string): { text: string; blocks: KnownBlock[] } {
  const words = oneLine(text, 1_000);
  return {
    text: slackText(text, 1_000),
    blocks: [{ type: 'section', text: { type: 'plain_text', text: words, emoji: false } }],
  };
}
