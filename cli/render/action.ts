import type { Action, ActionSignature } from '../../domain/action.ts';
import { isObject, type JsonObject } from '../../domain/json.ts';
import type { Permission } from '../../domain/permission.ts';
import { paint, paragraph, table } from '../output.ts';
import { limits } from './limits.ts';
import { permissionLine } from './permission.ts';
import { duration } from './time.ts';

/** An action with its code left out: what `action show --json` prints. `input` is JSON Schema. */
export type ActionDescription = ActionSignature &
  Pick<Action, 'title' | 'summary' | 'permissions' | 'notCovered'>;

export function renderActions(actions: readonly ActionDescription[]): string {
  return table(
    ['ACTION', 'EFFECT', 'TITLE'],
    actions.map(({ name, effect, title }) => [name, effect, title]),
  );
}

/** One action: what it is given and gives, what it needs and why, what it leaves uncovered. */
export function renderAction(action: ActionDescription): string {
  const { timing, permissions } = action;
  return [
    `${paint('bold', action.name)}  ${action.title}`,
    '',
    paragraph(action.summary),
    '',
    field('Effect', effects[action.effect]),
    field('Undo', undo(action)),
    field('Hold', action.holds ? 'its target is held until people release it' : 'none'),
    field(
      'Timing',
      `plan ${duration(timing.planMs)}, apply ${duration(timing.applyMs)}, verify ${duration(timing.verifyMs)}, undo ${duration(timing.undoMs)}; ${timing.attempts} attempts`,
    ),
    '',
    paint('bold', 'Input'),
    ...properties(action.input),
    '',
    paint('bold', 'Outputs'),
    ...properties(action.outputs),
    '',
    paint('bold', 'Permissions'),
    ...permissions.flatMap(renderPermission),
    '',
    ...limits(action.notCovered),
  ].join('\n');
}

function renderPermission(permission: Permission): string[] {
  return [
    paragraph(permissionLine(permission), '    ', '  '),
    paragraph(`${permission.why} (${permission.verb})`, '      '),
  ];
}

const effects: { readonly [effect in Action['effect']]: string } = {
  read: 'read: changes nothing',
  contain: 'contain: cuts off, destroys nothing',
  reversible: 'reversible: changes what can be put back',
  irreversible: 'irreversible: cannot be put back',
};

function undo({ effect }: ActionDescription): string {
  if (effect === 'read') return 'nothing to undo';
  return effect === 'irreversible'
    ? 'none'
    : 'restores what was there before; an edit made since is kept and reported';
}

function properties(schema: JsonObject): string[] {
  const all = isObject(schema['properties']) ? schema['properties'] : {};
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const lines = Object.entries(all).map(([name, value]) => {
    const property = isObject(value) ? value : {};
    const preset = property['default'];
    const need =
      preset === undefined
        ? required.includes(name)
          ? ', required'
          : ''
        : `, default ${JSON.stringify(preset)}`;
    const about = typeof property['description'] === 'string' ? `: ${property['description']}` : '';
    return paragraph(`${name} (${typeOf(property)}${need})${about}`, '    ', '  ');
  });
  return lines.length === 0 ? ['  none'] : lines;
}

function typeOf({ type, enum: choices, anyOf }: JsonObject): string {
  if (Array.isArray(choices)) return choices.map((choice) => JSON.stringify(choice)).join(' | ');
  if (Array.isArray(anyOf)) return anyOf.map((one) => (isObject(one) ? typeOf(one) : 'any')).join(' | ');
  return typeof type === 'string' ? type : Array.isArray(type) ? type.map(String).join(' | ') : 'any';
}

function field(name: string, text: string): string {
  return paragraph(text, ' '.repeat(10), name.padEnd(10));
}
