import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { createDirectory } from '../../../gateway/people.ts';
import { compileRoutes } from '../../../gateway/routes.ts';
import { catalogue } from '../../../worker/catalogue.ts';
import { loadConfiguration } from '../../../worker/config/load.ts';
import { loadPlaybooks } from '../../../worker/playbooks.ts';

/** What people copy must work: the examples go through the loaders that `firebreak up` uses. */
const example = (file: string) => fileURLToPath(new URL(`../../../examples/${file}`, import.meta.url));
const playbooks = fileURLToPath(new URL('../../../playbooks', import.meta.url));

test.each(['firebreak.yaml', 'compose/firebreak.yaml'])('%s is a configuration', async (file) => {
  const configuration = await loadConfiguration(example(file));
  const directory = createDirectory(configuration.people);
  const groups = directory.people().flatMap((person) => person.groups);
  const { approvals } = configuration;
  // An approval that nobody can give would expire each time.
  for (const group of [...approvals.default.from, ...approvals.release.from, ...approvals.escalation]) {
    expect(groups).toContain(group);
  }
  expect(directory.mayOwnTokens('falco')).toBe(true);

  const { playbooks: loaded, problems } = await loadPlaybooks(playbooks, catalogue().signatures);
  expect(problems).toEqual([]);
  const routes = compileRoutes(
    { file: configuration.routes, text: await readFile(configuration.routes, 'utf8') },
    loaded,
  );
  expect(routes.map(({ name }) => name)).toContain('shell in a container');
});

test('the compose example keeps its state where the image has a volume', async () => {
  const { state, gateway, temporal } = await loadConfiguration(example('compose/firebreak.yaml'));
  const dockerfile = await readFile(fileURLToPath(new URL('../../../Dockerfile', import.meta.url)), 'utf8');
  expect(dockerfile).toContain(`VOLUME ${state}\n`);
  expect(gateway.host).toBe('0.0.0.0');
  expect(temporal.address).toBe('temporal:7233');
});
