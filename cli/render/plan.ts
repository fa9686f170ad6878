import type { Change, Plan } from '../../domain/action.ts';
import { paint, paragraph, safe } from '../output.ts';
import type { Planned } from '../plan.ts';
import type { PlannedStep } from '../plan/walk.ts';
import { limits } from './limits.ts';

/** What would change, step by step, before → after, with what a person would be asked to authorise. */
export function renderPlanned({ playbook, steps }: Planned): string {
  return [
    `${paint('bold', `${playbook.id} ${safe(playbook.name, 100)}`)}, version ${playbook.version}`,
    paint('dim', playbook.digest),
    ...steps.flatMap((step) => ['', ...renderStep(step)]),
    '',
    'Nothing was changed.',
  ].join('\n');
}

function renderStep(step: PlannedStep): string[] {
  const { id, effect, plan, mode, does, only } = step;
  const nature = `${effect === undefined ? '' : `, ${effect}`}${mode === undefined ? '' : `, mode ${mode}`}`;
  const lines = [
    `${paint('bold', safe(id, 200))}  ${safe(does)}${nature}`,
    ...(only === undefined ? [] : [point('only', safe(only), 'dim')]),
    ...(step.skipped === undefined ? [] : [point('skipped', safe(step.skipped), 'dim')]),
    ...(step.unknown === undefined ? [] : [point('not known before it runs', safe(step.unknown), 'dim')]),
    ...(step.error === undefined ? [] : [point('cannot be planned', safe(step.error), 'red')]),
    ...step.refusals.map(({ code, message }) => point(`refused ${code}`, safe(message), 'red')),
    ...(plan === undefined ? [] : renderPlan(plan)),
  ];
  return lines.flatMap((line) => line.split('\n')).map((line) => `${'  '.repeat(step.depth)}${line}`);
}

function renderPlan({ authority, description, changes, changeCount, notCovered, undo }: Plan): string[] {
  const caps = Object.entries(authority.caps).map(([name, value]) => `${name} ${value}`);
  const rest = changeCount - changes.length;
  return [
    paragraph(safe(description.title), '  '),
    ...authority.targets.map(({ kind, cluster, namespace, name, uid }) =>
      paragraph(
        `Target: ${safe(kind, 64)} ${namespace === undefined ? '' : `${safe(namespace, 80)}/`}${safe(name, 253)} in cluster ${safe(cluster, 80)}, uid ${safe(uid, 64)}`,
        '    ',
        '  ',
      ),
    ),
    paragraph(`Authority: ${safe(authority.rule, 1_000)}`, '    ', '  '),
    ...(caps.length === 0 ? [] : [paragraph(`At most: ${caps.join(', ')}`, '    ', '  ')]),
    `  ${changeCount} changes${changeCount === 0 ? '' : ':'}`,
    ...changes.flatMap(renderChange),
    ...(rest > 0 ? [`    and ${rest} more (--json has at most 50)`] : []),
    paragraph(`Undo: ${safe(undo.text)}`, '    ', '  '),
    ...description.ifApproved.map((text) => paragraph(`If approved: ${safe(text)}`, '    ', '  ')),
    ...description.ifDenied.map((text) => paragraph(`If denied: ${safe(text)}`, '    ', '  ')),
    ...limits(notCovered, '  '),
  ];
}

const signs = { create: '+', update: '~', delete: '-' } as const;
const styles = { create: 'green', update: 'yellow', delete: 'red' } as const;

function renderChange({ verb, object, before, after, summary }: Change): string[] {
  const { apiVersion, kind, namespace, name } = object;
  const where = `${namespace === undefined ? '' : `${safe(namespace, 80)}/`}${safe(name, 253)}`;
  return [
    `    ${paint(styles[verb], `${signs[verb]} ${verb}`)} ${safe(kind, 80)} ${where} (${safe(apiVersion, 80)})`,
    paragraph(safe(summary), '      '),
    `      ${short(before)} → ${short(after)}`,
  ];
}

function short(digest: string | undefined): string {
  return digest === undefined ? 'nothing' : safe(digest, 71).slice(0, 'sha256:'.length + 12);
}

function point(label: string, text: string, style: 'dim' | 'red'): string {
  return paragraph(`${paint(style, label)}: ${text}`, '    ', '  ');
}
