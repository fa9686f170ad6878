import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { systemCode } from '../../domain/errors.ts';
import { usage } from '../failure.ts';
import type { Graph } from '../graph/model.ts';
import { examples } from '../help.ts';
import type { GlobalOptions } from '../options.ts';
import { note, print, safe } from '../output.ts';

interface GraphOptions extends GlobalOptions {
  format: 'mermaid' | 'svg' | 'dot';
  output?: string;
}

/** `firebreak playbook graph` */
export function graphCommand(): Command {
  const command = new Command('graph')
    .description('Draw a playbook: its steps, what waits for what, who must approve, what is undone.')
    .argument('<playbook>', 'id of a playbook, a file, or <git revision>:<path>')
    .addOption(
      new Option('--format <format>', 'what to write').choices(['mermaid', 'svg', 'dot']).default('mermaid'),
    )
    .option('-o, --output <file>', 'write it here, not to standard output')
    .action(async (wanted: string, _: object, self: Command) => {
      const options = self.optsWithGlobals<GraphOptions>();
      const { findPlaybook } = await import('../find-playbook.ts');
      const { graphOf } = await import('../graph/model.ts');
      const { playbook } = await findPlaybook(wanted, options.config);
      const text = await draw(graphOf(playbook), options.format);
      if (options.output === undefined) {
        print(options, { playbook: playbook.id, format: options.format, text }, () => text);
        return;
      }
      try {
        await writeFile(options.output, text);
      } catch (error) {
        throw usage(`--output: ${safe(options.output)} cannot be written (${systemCode(error)})`);
      }
      note(`Wrote ${safe(options.output)}.`);
    });
  return examples(command, [
    ['firebreak playbook graph FB-001', 'Mermaid, which GitHub and many wikis draw'],
    ['firebreak playbook graph FB-001 --format svg -o FB-001.svg', 'a picture'],
  ]);
}

async function draw(graph: Graph, format: GraphOptions['format']): Promise<string> {
  if (format === 'mermaid') return (await import('../graph/mermaid.ts')).mermaid(graph);
  const { dot, svg } = await import('../graph/dot.ts');
  return format === 'svg' ? svg(graph) : dot(graph);
}
