import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { globalFunctions, methods } from '../../../language/run/syntax.ts';

const root = new URL('../../../', import.meta.url);

test('the reference lists exactly the codes that the language has', async () => {
  const folder = new URL('language/compile/', root);
  const sources = await Promise.all(
    (await readdir(folder, { recursive: true }))
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFile(new URL(name, folder), 'utf8')),
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
