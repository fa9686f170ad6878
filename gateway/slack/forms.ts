import type { ModalView } from '@slack/web-api';
import type { Cancellation } from '../../domain/decision.ts';
import type { GateForm, IncidentForm } from './payloads.ts';
import { modal, plain, reasonInput, said } from './view.ts';

export const forms = {
  deny: 'firebreak.deny-form',
  release: 'firebreak.release-form',
  fillIn: 'firebreak.fill-in-form',
  cancel: 'firebreak.cancel-form',
} as const;

/** Asks why somebody denies. */
export function denyView(bound: GateForm): ModalView {
  return modal(forms.deny, bound, { title: 'Deny this request', submit: 'Deny' }, [
    said(`Incident ${bound.i}, gate ${bound.g}. A denial ends this request: it changes nothing.`, 400),
    reasonInput('Why? The others and the report will show it.'),
  ]);
}

/** Asks why somebody wants the incident's containment released. */
export function releaseView(bound: IncidentForm): ModalView {
  return modal(forms.release, bound, { title: 'Request release', submit: 'Request' }, [
    said(`Incident ${bound.i}. Nothing is released yet: others are asked to approve it.`, 400),
    reasonInput('Why is it safe to let go?'),
  ]);
}

/** Where a cancellation is chosen: block and element. */
export const thenBlock = 'what';

/** Slack shows at most 75 characters of each. */
const choices: readonly { then: Cancellation; name: string; means: string }[] = [
  {
    then: 'stop',
    name: 'Stop',
    means: 'What runs stops at its next boundary. What was applied stays.',
  },
  {
    then: 'undo',
    name: 'Stop and undo',
    means: 'Then changes are undone, and a release of containments is asked for.',
  },
  {
    then: 'hold',
    name: 'Finish what runs, and hold',
    means: 'Nothing more begins. All stays applied, and the incident open.',
  },
];

/** Asks what becomes of a playbook that is cancelled. None is chosen beforehand. */
export function cancelView(bound: IncidentForm): ModalView {
  return modal(forms.cancel, bound, { title: 'Cancel the playbook', submit: 'Cancel the playbook' }, [
    said(`Incident ${bound.i}. Nothing more begins, and no containment is let go of by this.`, 400),
    {
      type: 'input',
      block_id: thenBlock,
      label: plain('What becomes of it?', 200),
      element: {
        type: 'radio_buttons',
        action_id: 'choice',
        options: choices.map(({ then, name, means }) => ({
          text: plain(name, 75),
          description: plain(means, 75),
          value: then,
        })),
      },
    },
    reasonInput('Why? The others and the report will show it.'),
  ]);
}
