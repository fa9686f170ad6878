import type { FormField } from '../../../domain/decision.ts';
import { fieldProblem } from '../../../domain/form.ts';
import { boundsProblem } from '../declaration.ts';
import { milliseconds } from '../duration.ts';
import type { Finding, Path } from '../problem.ts';
import type { SourceField } from '../source/step.ts';
import { fields, inputShape } from '../value-shape.ts';
import type { MakeStep } from './made.ts';

export const makeAsk: MakeStep<'ask'> = (session, { ask }, path, view) => {
  const form = Object.entries(ask.fields).map(([name, field]) => [name, fieldOf(name, field)] as const);
  for (const [name, field] of form)
    session.findings.push(...fieldFindings(name, field, [...path, 'ask', 'fields', name]));
  return {
    body: {
      kind: 'ask',
      question: session.expressions.text(ask.question, [...path, 'ask', 'question'], view),
      from: ask.from,
      withinMs: milliseconds(ask.within) ?? 0,
      fields: Object.fromEntries(form),
    },
    outputs: fields(Object.fromEntries(form.map(([name, { type }]) => [name, inputShape({ type })]))),
  };
};

function fieldOf(
  name: string,
  { type, title, default: preset, 'one-of': oneOf, min, max }: SourceField,
): FormField {
  return {
    type,
    title: title ?? name,
    ...(preset === undefined ? {} : { default: preset }),
    ...(oneOf === undefined ? {} : { oneOf }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
  };
}

function fieldFindings(name: string, field: FormField, path: Path): Finding[] {
  const bounds = boundsProblem(field);
  if (bounds !== undefined) return [{ code: 'FB2064', ...bounds, path: [...path, ...bounds.path] }];
  const fault = field.default === undefined ? undefined : fieldProblem(field, field.default);
  if (fault === undefined) return [];
  return [
    {
      code: 'FB2060',
      path: [...path, 'default'],
      message: `the default of "${name}" ${fault}`,
      fix: `write a default of type ${field.type}`,
    },
  ];
}
