import type { Approval } from '../../domain/person.ts';
import { createDirectory, type Directory } from '../../gateway/people.ts';
import { walkSteps, type CompiledPlaybook } from '../../language/run/playbook.ts';
import type { Configuration } from '../../worker/config/load.ts';
import { failed, ok, warning, type Check } from './check.ts';

/** Whether there are enough persons for every approval that the configuration and its playbooks ask for. */
export function checkPeople(
  configuration: Configuration,
  playbooks: ReadonlyMap<string, CompiledPlaybook>,
): Check[] {
  const directory = createDirectory(configuration.people);
  const { approvals } = configuration;
  const checks = [
    ok('people', `${directory.people().length} active of ${configuration.people.length}`),
    ...checkApproval('approvals.default', approvals.default, directory),
    ...checkApproval('approvals.release', approvals.release, directory),
    ...checkApproval('approvals.escalation', { from: approvals.escalation, count: 1 }, directory),
  ];
  for (const { playbook } of playbooks.values())
    for (const { path, step } of walkSteps(playbook)) {
      const field = `playbook ${playbook.id}, step ${path}`;
      const approve = step.kind === 'action' || step.kind === 'approve' ? step.approve : undefined;
      if (step.kind === 'ask') checks.push(...checkQuestion(field, step.from, directory));
      else if (approve !== undefined) checks.push(...checkApproval(field, approve, directory));
    }
  for (const group of Object.keys(configuration.slack?.groups ?? {}))
    if (members(directory, [group]).length === 0)
      checks.push(
        warning(
          `slack.groups.${group}`,
          'nobody in people is in this group',
          'correct its name, or remove it',
        ),
      );
  return checks;
}

function checkApproval(
  field: string,
  { from, count }: Pick<Approval, 'from' | 'count'>,
  directory: Directory,
): Check[] {
  const able = members(directory, from);
  if (able.length < count) {
    const need = count === 1 ? 'a person' : `${count} persons`;
    return [
      failed(
        field,
        `needs ${need} of ${from.join(', ')}, and there ${able.length === 1 ? 'is one' : `are ${able.length}`}: it can never be approved`,
        `add people to ${from.join(' or ')}, or name another group`,
      ),
    ];
  }
  if (able.length === count) {
    return [
      warning(
        field,
        `needs ${count} of ${able.length}: whoever requests it cannot approve it, so nobody may be left`,
        `add people to ${from.join(' or ')}`,
      ),
    ];
  }
  return [ok(field, `${count} of ${able.length}`)];
}

/** A form may be filled in by whoever requested the incident, so that one person is enough. */
function checkQuestion(field: string, from: readonly string[], directory: Directory): Check[] {
  const able = members(directory, from).length;
  if (able > 0) return [ok(field, `1 of ${able}`)];
  return [
    failed(
      field,
      `asks a person of ${from.join(', ')}, and there are 0: it can never be answered`,
      `add people to ${from.join(' or ')}, or name another group`,
    ),
  ];
}

function members(directory: Directory, groups: readonly string[]): string[] {
  return directory
    .people()
    .filter((person) => groups.some((group) => person.groups.includes(group)))
    .map(({ id }) => id);
}
