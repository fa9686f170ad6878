import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { compilePlaybook } from '../../../language/compile/compile.ts';
import { libraryOf } from '../../../language/compile/library.ts';
import { globalFunctions, methods } from '../../../language/run/syntax.ts';
import { catalogue } from '../../../worker/catalogue.ts';

const root = new URL('../../../', import.meta.url);

test('the reference lists exactly the codes that the language has', async () => {
  const folder = new URL('language/compile/', root);
  const sources = await Promise.all(
    (await readdir(folder, { recursive: true }))
      .filter((name) => name.endsWith('.ts'))
      .map((name) => new URL(name, folder))
      // Several playbooks with one id are only noticed where a directory is loaded.
      .concat(new URL('worker/playbooks.ts', root))
      .map((file) => readFile(file, 'utf8')),
  );
  const used = new Set(sources.join('').match(/FB2\d{3}/g));
  const page = await readFile(new URL('docs/reference/errors.md', root), 'utf8');
  const listed = [...page.matchAll(/^\| (FB2\d{3}) /gm)].map(([, code]) => code);
  expect(listed).toEqual([...used].toSorted());
});

test('the reference names every function', async () => {
  const page = await readFile(new URL('docs/reference/playbook-language.md', root), 'utf8');
  for (const name of [...globalFunctions, ...methods]) expect(page).toContain(`\`${name}\``);
});

test('every example of the reference compiles', async () => {
  const page = await readFile(new URL('docs/reference/playbook-language.md', root), 'utf8');
  const [whole = '', ...steps] = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text);
  const around = `id: T
name: T
version: 1
inputs: { cluster: { type: string }, namespace: { type: string }, namespaces: { type: list } }
steps:
`;
  const library = libraryOf([{ file: 'whole.yaml', text: whole }]);
  expect(steps.length).toBeGreaterThan(9);
  for (const text of [whole, ...steps.map((step) => (step.startsWith('id: ') ? step : around + step))]) {
    const result = compilePlaybook({ file: text, text }, catalogue().signatures, library);
    expect('problems' in result ? result.problems : []).toEqual([]);
  }
});
