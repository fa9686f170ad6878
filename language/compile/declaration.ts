import type { JsonObject } from '../../domain/json.ts';
import { inputFault, isRequired, maxInputItems, maxInputLength, secretName, wanted } from '../run/inputs.ts';
import type { InputDeclaration } from '../run/playbook.ts';
import type { Finding } from './problem.ts';
import type { SourceFile, SourceInput } from './shape.ts';

type Declarations = { [name: string]: InputDeclaration };

/** The inputs of a file, resolved. */
export function declarationsOf(file: SourceFile): Declarations {
  const inputs = Object.entries(file.inputs ?? {});
  return Object.fromEntries(inputs.map(([name, source]) => [name, declarationOf(source)]));
}

function declarationOf({
  type,
  items,
  description,
  default: preset,
  optional,
  'one-of': oneOf,
  min,
  max,
}: SourceInput): InputDeclaration {
  return {
    type,
    ...(type === 'list' ? { items: items ?? 'string' } : items === undefined ? {} : { items }),
    ...(description === undefined ? {} : { description }),
    ...(preset === undefined ? {} : { default: preset }),
    ...(optional === true ? { optional } : {}),
    ...(oneOf === undefined ? {} : { oneOf }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
  };
}

/** Declarations that contradict themselves, and defaults that do not fit. */
export function declarationFindings(inputs: Declarations): Finding[] {
  return Object.entries(inputs).flatMap(([name, declaration]): Finding[] => {
    const bounds = boundsProblem(declaration);
    if (bounds !== undefined) return [{ code: 'FB2064', ...bounds, path: ['inputs', name, ...bounds.path] }];
    const { default: preset } = declaration;
    const unfit = preset === undefined ? undefined : inputFault(declaration, preset);
    if (unfit === undefined) return [];
    const plain = declaration.oneOf === undefined;
    return [
      {
        code: 'FB2060',
        path: ['inputs', name, 'default'],
        message: `the default ${unfit}`,
        fix: plain
          ? `write a default of type ${wanted(declaration).replace(/^a value of type /, '')}`
          : `write ${wanted(declaration)}`,
      },
    ];
  });
}

/** Limits that a type does not have, or that contradict each other. `path` leads to the key at fault. */
export function boundsProblem({
  type,
  items,
  oneOf,
  min,
  max,
  default: preset,
  optional,
}: Omit<InputDeclaration, 'description'>): ReturnType<typeof fault> | undefined {
  if (type === 'secret' && preset !== undefined)
    return fault(
      'default',
      'a secret has no default',
      'remove it: whoever runs the playbook names the secret, or write optional: true',
    );
  if (optional === true && type !== 'secret')
    return fault('optional', `a ${type} is optional by its default`, 'write a default in its place');
  if (items !== undefined && type !== 'list')
    return fault('items', `a ${type} has no items`, 'remove items, or write type: list');
  if (oneOf !== undefined && type !== 'string')
    return fault(
      'one-of',
      `one-of lists texts, and the type is ${type}`,
      'remove one-of, or write type: string',
    );
  const unlimited = type === 'boolean' || type === 'secret';
  if (unlimited && (min ?? max) !== undefined)
    return fault(
      min === undefined ? 'max' : 'min',
      `a ${type} has no least and no greatest value`,
      'remove it',
    );
  if (oneOf !== undefined && (min ?? max) !== undefined)
    return fault(min === undefined ? 'max' : 'min', 'one-of lists all that is allowed', 'remove it');
  if (min !== undefined && max !== undefined && min > max)
    return fault('min', `min is ${min}, and max is ${max}`, 'make min at most max');
  const counts = type === 'string' || type === 'list';
  for (const [key, value] of Object.entries({ min, max }))
    if (counts && value !== undefined && !(Number.isSafeInteger(value) && value >= 0))
      return fault(key, `${value} is no length`, 'write a whole number from 0');
  return undefined;
}

function fault(key: string, message: string, fix: string): { path: string[]; message: string; fix: string } {
  return { path: [key], message, fix };
}

/** What a playbook takes, as JSON Schema: for the `with` of a step that runs it. */
export function inputSchema(inputs: Declarations): JsonObject {
  const entries = Object.entries(inputs);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, declaration]) => [name, valueSchema(declaration)])),
    required: entries.filter(([, declaration]) => isRequired(declaration)).map(([name]) => name),
    additionalProperties: false,
  };
}

function valueSchema({ type, items = 'string', oneOf, min, max }: InputDeclaration): JsonObject {
  const limits = (least: string, greatest: string, most?: number): JsonObject => ({
    ...(min === undefined ? {} : { [least]: min }),
    ...(max === undefined && most === undefined
      ? {}
      : { [greatest]: Math.min(max ?? Infinity, most ?? Infinity) }),
  });
  switch (type) {
    case 'secret':
      return { type: 'string', pattern: secretName.source, 'x-secret': true };
    case 'boolean':
      return { type };
    case 'list':
      return { type: 'array', items: { type: items }, ...limits('minItems', 'maxItems', maxInputItems) };
    case 'string':
      return {
        type,
        ...(oneOf === undefined ? {} : { enum: oneOf }),
        ...limits('minLength', 'maxLength', maxInputLength),
      };
    default:
      return { type, ...limits('minimum', 'maximum') };
  }
}
