import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { systemCode } from '../../domain/errors.ts';
import { usage } from '../failure.ts';
import { examples } from '../help.ts';
import type { GlobalOptions } from '../options.ts';
import { note, print, safe } from '../output.ts';

/** `firebreak playbook docs` */
export function docsCommand(): Command {
  const command = new Command('docs')
    .description('Write a reference page, in Markdown, for each playbook and each action.')
    .argument('[playbook]', 'id or file: its page alone; default: all, and the actions')
    .option('-o, --output <directory>', 'write files below it, not to standard output')
    .action(async (wanted: string | undefined, _: object, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions & { output?: string }>();
      const { pages } = await import('../docs/pages.ts');
      const written = await pages(wanted, options.config);
      if (options.output === undefined) {
        print(options, { pages: written }, () => written.map(({ text }) => text).join('\n'));
        return;
      }
      for (const { file, text } of written) await write(join(options.output, file), text);
      note(`Wrote ${written.length} pages below ${safe(options.output)}.`);
    });
  return examples(command, [
    [
      'firebreak playbook docs FB-001',
      'one page: inputs, steps, approvals, rights, what it leaves uncovered',
    ],
    ['firebreak playbook docs -o pages', 'a site of all playbooks and actions'],
  ]);
}

async function write(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  } catch (error) {
    throw usage(`--output: ${safe(path)} cannot be written (${systemCode(error)})`);
  }
}
