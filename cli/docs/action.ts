import type { Action, ActionSignature } from '../../domain/action.ts';
import { isObject, type JsonObject } from '../../domain/json.ts';
import { permissionLine } from '../render/permission.ts';
import { durationText } from '../playbook-text.ts';
import { code, plain, table } from './markdown.ts';

/** The reference page of an action, from its own contract. */
export function actionPage(action: Action, signature: ActionSignature): string {
  const { name, title, summary, effect, holds, timing, permissions, notCovered } = action;
  return [
    `# ${plain(name)}`,
    '',
    `${plain(title)}. ${plain(summary)}`,
    '',
    ...table(
      ['about', ''],
      [
        ['effect', effect],
        ['undo', undo(effect)],
        ['hold', holds ? 'held until people release it' : 'none'],
        ['plan', `at most ${durationText(timing.planMs)}`],
        ['apply', `at most ${durationText(timing.applyMs)}, ${timing.attempts} attempts`],
        ['verify', `at most ${durationText(timing.verifyMs)}`],
        ['undo takes', `at most ${durationText(timing.undoMs)}`],
      ],
    ),
    '## Input',
    '',
    ...properties(signature.input),
    '## Outputs',
    '',
    ...properties(signature.outputs),
    '## Permissions',
    '',
    ...table(
      ['right', 'why', 'for'],
      permissions.map((permission) => [
        code(permissionLine(permission)),
        plain(permission.why),
        permission.verb,
      ]),
    ),
    ...(notCovered.length === 0
      ? []
      : ['## Not covered', '', ...notCovered.map(({ text }) => `- ${plain(text)}`), '']),
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
}

function undo(effect: Action['effect']): string {
  if (effect === 'read') return 'nothing to undo';
  return effect === 'irreversible' ? 'none' : 'restores what was there before';
}

function properties(schema: JsonObject): string[] {
  const all = isObject(schema['properties']) ? schema['properties'] : {};
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const rows = Object.entries(all).map(([name, value]) => {
    const { type, enum: choices, default: preset, description } = isObject(value) ? value : {};
    return [
      code(name),
      code(JSON.stringify(choices ?? type ?? 'any')),
      preset === undefined ? (required.includes(name) ? '**required**' : '') : code(JSON.stringify(preset)),
      typeof description === 'string' ? plain(description) : '',
    ];
  });
  return rows.length === 0 ? ['None.', ''] : table(['name', 'type', 'default', 'meaning'], rows);
}
