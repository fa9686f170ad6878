import type { ModalView } from '@slack/web-api';
import { oneLine } from '../../domain/safe-text.ts';
import type { DenyForm, ReleaseForm } from './payloads.ts';

export const forms = { deny: 'firebreak.deny-form', release: 'firebreak.release-form' } as const;

/** Where a form's reason, and an error about it, is: block and element. */
export const reasonBlock = 'reason';
const mostReason = 500;

/** Asks why somebody denies. */
export function denyView(bound: DenyForm): ModalView {
  return view(forms.deny, bound, {
    title: 'Deny this request',
    submit: 'Deny',
    label: 'Why? The others and the report will show it.',
    about: `Incident ${bound.i}, gate ${bound.g}. A denial ends this request: it changes nothing.`,
  });
}

/** Asks why somebody wants the incident's containment released. */
export function releaseView(bound: ReleaseForm): ModalView {
  return view(forms.release, bound, {
    title: 'Request release',
    submit: 'Request',
    label: 'Why is it safe to let go?',
    about: `Incident ${bound.i}. Nothing is released yet: others are asked to approve it.`,
  });
}

function view(
  callback: string,
  bound: DenyForm | ReleaseForm,
  words: { title: string; submit: string; label: string; about: string },
): ModalView {
  return {
    type: 'modal',
    callback_id: callback,
    private_metadata: JSON.stringify(bound),
    title: { type: 'plain_text', text: words.title },
    submit: { type: 'plain_text', text: words.submit },
    close: { type: 'plain_text', text: 'Go back' },
    blocks: [
      { type: 'section', text: { type: 'plain_text', text: oneLine(words.about, 400), emoji: false } },
      {
        type: 'input',
        block_id: reasonBlock,
        label: { type: 'plain_text', text: words.label },
        element: {
          type: 'plain_text_input',
          action_id: 'text',
          multiline: true,
          min_length: 1,
          max_length: mostReason,
        },
      },
    ],
  };
}
