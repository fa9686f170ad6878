import type { Approval } from '../../domain/person.ts';
import { createDirectory, type Directory } from '../../gateway/people.ts';
import type { CompiledPlaybook } from '../../language/run/playbook.ts';
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
    for (const step of playbook.steps)
      if (step.approve !== undefined)
        checks.push(...checkApproval(`playbook ${playbook.id}, step ${step.id}`, step.approve, directory));
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

function members(directory: Directory, groups: readonly string[]): string[] {
  return directory
    .people()
    .filter((person) => groups.some((group) => person.groups.includes(group)))
    .map(({ id }) => id);
}
