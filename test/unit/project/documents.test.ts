import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { compilePlaybook } from '../../../language/compile/compile.ts';
import { catalogue } from '../../../worker/catalogue.ts';

/** What the documents name must be there. */
const root = fileURLToPath(new URL('../../..', import.meta.url));

async function documents(): Promise<string[]> {
  const inRoot = (await readdir(root)).filter((name) => name.endsWith('.md'));
  const below = await Promise.all(
    ['docs', 'playbooks'].map(async (folder) =>
      (await readdir(join(root, folder), { recursive: true }))
        .filter((name) => name.endsWith('.md'))
        .map((name) => join(folder, name)),
    ),
  );
  return [...inRoot, ...below.flat()];
}

/** Links to files of the project, without their anchors. */
function links(text: string): string[] {
  return [...text.matchAll(/\]\((?![a-z]+:|#)([^)\s#]+)/g)].flatMap(([, target]) => target ?? []);
}

test('every link leads to a file', async () => {
  const files = await documents();
  expect(files.length).toBeGreaterThan(20);
  const lost: string[] = [];
  for (const file of files) {
    for (const link of links(await readFile(join(root, file), 'utf8'))) {
      if (!existsSync(join(root, dirname(file), link))) lost.push(`${file} → ${link}`);
    }
  }
  expect(lost).toEqual([]);
});

test('the index names every document', async () => {
  const index = await readFile(join(root, 'docs/README.md'), 'utf8');
  const named = new Set(links(index).map((link) => join('docs', link)));
  const all = (await documents()).filter((file) => file.startsWith('docs/') && file !== 'docs/README.md');
  expect(all.filter((file) => !named.has(file))).toEqual([]);
});

test("the README's playbook is the real one, shortened", async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const shown = /```yaml\n(id: FB-001\n.*?)```/s.exec(readme)?.[1];
  const { signatures } = catalogue();
  const compiled = compilePlaybook({ file: 'README.md', text: shown ?? '' }, signatures);
  const file = 'playbooks/FB-001-quarantine-namespace/playbook.yaml';
  const real = compilePlaybook({ file, text: await readFile(join(root, file), 'utf8') }, signatures);
  if (!('ok' in compiled) || !('ok' in real)) throw new Error(JSON.stringify([compiled, real]));
  expect(compiled.ok.playbook.steps).toEqual(real.ok.playbook.steps);
});

test('every command of the documents is one that there is', async () => {
  const reference = await readFile(join(root, 'docs/reference/cli.md'), 'utf8');
  const known = new Set([...reference.matchAll(/^#{2,3} (firebreak .+)$/gm)].map(([, command]) => command));
  const strange: string[] = [];
  for (const file of await documents()) {
    if (relative('docs/reference', file) === 'cli.md') continue;
    const text = await readFile(join(root, file), 'utf8');
    for (const [, one = '', two = ''] of text.matchAll(/(?:^\$ |`)firebreak ([a-z-]+)(?: ([a-z-]+))?/gm)) {
      // `firebreak incident …` as a family, or a command without children whatever follows it.
      const family = [...known].some((command) => command?.startsWith(`firebreak ${one} `) === true);
      const wanted = family && two !== '' ? `firebreak ${one} ${two}` : `firebreak ${one}`;
      if (known.has(wanted)) continue;
      strange.push(`${file}: firebreak ${one} ${two}`);
    }
  }
  expect(strange).toEqual([]);
});
