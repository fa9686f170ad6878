import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a shell must know to use a sandbox. */
export interface Sandbox {
  dir: string;
  /** Environment variables. */
  settings: { [name: string]: string };
  /** Programs to be found under these names. */
  programs: { [name: string]: string };
  /** A secret for each person; the first is who the shell speaks as. */
  tokens: { [person: string]: string };
}

/** Writes the tokens, each to a file of its own, and a file for a shell to source. Answers that file. */
export async function writeEnvironment({ dir, settings, programs, tokens }: Sandbox): Promise<string> {
  const bin = join(dir, 'bin');
  await mkdir(bin);
  for (const [name, target] of Object.entries(programs)) await symlink(target, join(bin, name));
  for (const [person, secret] of Object.entries(tokens))
    await writeFile(join(dir, person), `${secret}\n`, { mode: 0o600 });
  const [first = ''] = Object.keys(tokens);
  const variables = { ...settings, FIREBREAK_TOKEN_FILE: join(dir, first), SANDBOX: dir };
  const lines = [
    ...Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}`),
    // A token of the shell's own would be taken before the file.
    'unset FIREBREAK_TOKEN',
    `export PATH=${quoted(bin)}:"$PATH"`,
  ];
  const file = join(dir, 'env');
  await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  return file;
}

/** One word of a POSIX shell, whatever it holds. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
