import { createInterface } from 'node:readline/promises';
import { CliError } from './failure.ts';

/**
 * Asks on the terminal, and wants the whole word `yes`.
 * @throws CliError FB6107 when there is no terminal to ask on, or the answer is anything else
 */
export async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new CliError(
      'FB6107',
      'usage',
      'nobody can be asked without a terminal: add --yes if what is shown above was read before',
    );
  }
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  const gone = new AbortController();
  reader.once('close', () => gone.abort());
  reader.once('SIGINT', () => reader.close());
  try {
    const answer = await reader.question(`${question} Type yes: `, { signal: gone.signal });
    if (answer.trim().toLowerCase() === 'yes') return;
  } catch (error) {
    if (!gone.signal.aborted) throw error;
    process.stderr.write('\n');
  } finally {
    reader.close();
  }
  throw new CliError('FB6107', 'failed', 'not confirmed: nothing was sent');
}
