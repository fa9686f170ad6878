import type { ActionsBlock, Button } from '@slack/web-api';
import { oneLine } from '../../domain/safe-text.ts';
import { slackActions, type GateButton, type IncidentButton } from '../../domain/slack.ts';
import type { GateNotice } from '../../workflows/contract.ts';
import { buttons, plain } from './blocks.ts';

/** How an open question is answered. A release is no playbook: there is nothing of it to cancel. */
export function gateButtons(notice: GateNotice): ActionsBlock {
  const { gate, digest } = notice;
  const bound: GateButton = { i: gate.incident, g: gate.id, d: digest };
  const value = JSON.stringify(bound);
  return buttons(
    gate.purpose === 'answer' ? fillIn(value) : approve(notice, value),
    { type: 'button', action_id: slackActions.deny, style: 'danger', text: plain('Deny…'), value },
    ...(gate.purpose === 'release' ? [] : [cancelButton(gate.incident)]),
  );
}

/** Asks first what becomes of the playbook, and why. */
export function cancelButton(incident: string): Button {
  const bound: IncidentButton = { i: incident };
  return {
    type: 'button',
    action_id: slackActions.cancel,
    text: plain('Cancel the playbook…'),
    value: JSON.stringify(bound),
  };
}

function approve({ gate, title }: GateNotice, value: string): Button {
  const follows =
    gate.purpose === 'proceed'
      ? 'The playbook goes on, and this is recorded under your name.'
      : 'It starts at once, and is recorded under your name.';
  return {
    type: 'button',
    action_id: slackActions.approve,
    style: 'primary',
    text: plain('Approve'),
    value,
    confirm: {
      title: plain('Approve this?'),
      text: plain(oneLine(`${oneLine(title, 200)}. ${follows}`, 300)),
      confirm: plain('Approve'),
      deny: plain('Go back'),
    },
  };
}

/** The window it opens is the second thought: nothing else asks. */
function fillIn(value: string): Button {
  return { type: 'button', action_id: slackActions.fillIn, style: 'primary', text: plain('Fill in…'), value };
}
