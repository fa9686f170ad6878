import * as fc from 'fast-check';

/** Names that mean something somewhere in a playbook, and some that mean nothing. */
const paths = [
  'inputs.cluster',
  'inputs.count',
  'inputs.force',
  'inputs.hosts',
  'inputs.x',
  'inputs.toString',
  'inputs.__proto__',
  'alert.pod',
  'alert.fields',
  'alert.raw.size',
  'incident.id',
  'steps.a.status',
  'steps.a.outputs',
  'steps.a.outputs.x',
  'steps.b.outputs.x',
  'steps',
  'steps.constructor.status',
  'item',
  'index',
  'round',
  'last',
  'last.done',
  'reading.verdict',
  'reading.outputs',
  'failure.why',
  'nothing',
];
const literals = [
  '0',
  '-1',
  '9223372036854775807',
  '9223372036854775808',
  '1e309',
  '0.1',
  '1u',
  'true',
  'null',
  '""',
  "'a'",
  "'\\u0000'",
  "'\\ud800'",
  "'}}'",
  "'${{'",
  "r'\\'",
  '"""a"""',
  "b'a'",
  "'${'",
  "'__proto__'",
  '[]',
  '{}',
];
const operators = ['+', '-', '*', '/', '%', '==', '!=', '<', '<=', '>', '>=', '&&', '||', 'in'];
const functions = [
  'size',
  'string',
  'int',
  'double',
  'bool',
  'type',
  'has',
  'dyn',
  'duration',
  'timestamp',
  'now',
];
const methods = [
  'contains',
  'startsWith',
  'endsWith',
  'split',
  'join',
  'matches',
  'size',
  'trim',
  'substring',
];
const loops = ['map', 'filter', 'all', 'exists', 'exists_one'];

/** Expressions over the whole grammar of CEL, mostly wrong in names or types, some of them broken. */
export const anyCel: fc.Arbitrary<string> = fc.letrec<{ cel: string }>((tie) => ({
  cel: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.constantFrom(...paths, ...literals),
    fc.tuple(tie('cel'), fc.constantFrom(...operators), tie('cel')).map(([a, by, b]) => `${a} ${by} ${b}`),
    tie('cel').map((inner) => `(${inner})`),
    tie('cel').map((inner) => `!${inner}`),
    tie('cel').map((inner) => `-${inner}`),
    fc.tuple(tie('cel'), tie('cel'), tie('cel')).map(([a, b, c]) => `${a} ? ${b} : ${c}`),
    fc.tuple(fc.constantFrom(...functions), tie('cel')).map(([name, inner]) => `${name}(${inner})`),
    fc
      .tuple(tie('cel'), fc.constantFrom(...methods), tie('cel'))
      .map(([on, name, inner]) => `${on}.${name}(${inner})`),
    fc
      .tuple(tie('cel'), fc.constantFrom(...loops), fc.constantFrom('x', 'item', 'type'), tie('cel'))
      .map(([on, name, variable, inner]) => `${on}.${name}(${variable}, ${inner})`),
    fc.tuple(tie('cel'), tie('cel')).map(([on, inner]) => `${on}[${inner}]`),
    fc.array(tie('cel'), { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
    fc.tuple(tie('cel'), tie('cel')).map(([key, value]) => `{${key}: ${value}}`),
    fc.string({ maxLength: 12, unit: 'binary' }),
  ),
})).cel;
