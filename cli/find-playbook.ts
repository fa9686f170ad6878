import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import type { ActionSignature } from '../domain/action.ts';
import { suggest } from '../language/compile/problem.ts';
import type { CompiledPlaybook } from '../language/run/playbook.ts';
import { catalogue } from '../worker/catalogue.ts';
import { loadConfiguration } from '../worker/config/load.ts';
import { git, GitError } from '../worker/git.ts';
import { loadPlaybooks, PlaybooksInvalid, type LoadedPlaybooks } from '../worker/playbooks.ts';
import { readText } from '../worker/read-text.ts';
import { exists } from './exists.ts';
import { usage } from './failure.ts';
import { safe } from './output.ts';

/** Most playbook files that are taken out of a Git commit for one comparison. */
const maxFiles = 500;

/** Where playbooks lie: the directory of the configuration, or `playbooks` beside where it would be. */
export async function playbooksDirectory(config: string): Promise<string> {
  if (await exists(config)) return (await loadConfiguration(config)).playbooks;
  return join(dirname(config), 'playbooks');
}

/**
 * The compiled playbook that a person names: by its id, as a file or folder, or as `<git revision>:<path>`. The playbooks in the folders beside it are
 * there for the steps that run them.
 * @throws CliError FB6101, PlaybooksInvalid, FirebreakError FB6005
 */
export async function findPlaybook(
  wanted: string,
  config: string,
  signatures: readonly ActionSignature[] = catalogue().signatures,
): Promise<CompiledPlaybook> {
  const revision = /^([^:]+):(.+)$/s.exec(wanted);
  if (revision !== null && !(await exists(wanted))) return atRevision(wanted, revision, signatures);
  if (/[/\\]|\.ya?ml$/.test(wanted)) return inFile(wanted, signatures);
  const dir = await playbooksDirectory(config);
  const { playbooks, problems } = await loadPlaybooks(dir, signatures);
  const found = playbooks.get(wanted);
  if (found !== undefined) return found;
  const broken = problems.filter(({ file }) => basename(dirname(file)).startsWith(wanted));
  if (broken.length > 0) throw new PlaybooksInvalid(broken);
  throw usage(
    `there is no playbook ${safe(JSON.stringify(wanted), 100)}: ${suggest(wanted, playbooks.keys())}`,
  );
}

async function inFile(wanted: string, signatures: readonly ActionSignature[]): Promise<CompiledPlaybook> {
  const file = /\.ya?ml$/.test(wanted) ? wanted : join(wanted, 'playbook.yaml');
  const text = await readText('playbook', file);
  const folder = dirname(resolve(file));
  if (basename(file) === 'playbook.yaml')
    return { ...chosen(await loadPlaybooks(dirname(folder), signatures), basename(folder)), file };
  return apart([{ folder: 'it', name: wanted, text }], signatures);
}

async function atRevision(
  wanted: string,
  [, revision = '', path = '']: RegExpExecArray,
  signatures: readonly ActionSignature[],
): Promise<CompiledPlaybook> {
  const file = /\.ya?ml$/.test(path) ? path : join(path, 'playbook.yaml');
  // A revision that begins with a dash would be an option.
  if (revision.startsWith('-')) throw usage(`${safe(wanted)}: ${safe(revision)} is no Git revision`);
  try {
    const commit = (await git('.', ['rev-parse', '--verify', '--quiet', `${revision}^{commit}`])).trim();
    const top = (await git('.', ['rev-parse', '--show-prefix'])).trim();
    const place = join(top, file);
    const text = await git('.', ['show', `${commit}:${place}`]);
    const beside = basename(place) === 'playbook.yaml' ? await neighbours(commit, place) : [];
    return await apart([{ folder: 'it', name: wanted, text }, ...beside], signatures);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    throw usage(`${safe(wanted)} cannot be read from Git: ${safe(error.message)}`);
  }
}

/** The playbooks in the folders beside one, at a commit. */
async function neighbours(commit: string, place: string): Promise<Taken[]> {
  const dir = dirname(dirname(place));
  const listed = await git('.', ['ls-tree', '-r', '-z', '--full-tree', '--name-only', commit, '--', dir]);
  const files = listed
    .split('\0')
    .filter((name) => basename(name) === 'playbook.yaml' && dirname(dirname(name)) === dir && name !== place);
  if (files.length > maxFiles) throw usage(`there are more than ${maxFiles} playbooks in ${safe(dir)}`);
  const found: Taken[] = [];
  for (const [index, name] of files.entries())
    found.push({ folder: `beside-${index}`, name, text: await git('.', ['show', `${commit}:${name}`]) });
  return found;
}

/** A playbook's text with the name that messages give it, in a folder of a directory made for it. */
interface Taken {
  folder: string;
  name: string;
  text: string;
}

/** Compiles the first of some texts that lie in no directory of playbooks, as if all of them did. */
async function apart(
  taken: readonly [Taken, ...Taken[]],
  signatures: readonly ActionSignature[],
): Promise<CompiledPlaybook> {
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-playbooks-'));
  try {
    for (const { folder, text } of taken) {
      await mkdir(join(dir, folder));
      await writeFile(join(dir, folder, 'playbook.yaml'), text);
    }
    const loaded = await loadPlaybooks(dir, signatures);
    const names = new Map(taken.map(({ folder, name }) => [folder, name]));
    const problems = loaded.problems.map((problem) => ({
      ...problem,
      file: names.get(basename(dirname(problem.file))) ?? problem.file,
    }));
    const [{ folder, name }] = taken;
    const playbook = [...loaded.playbooks.values()].find(({ file }) => basename(dirname(file)) === folder);
    if (playbook !== undefined) return { ...playbook, file: name };
    const own = problems.filter(({ file }) => file === name);
    throw new PlaybooksInvalid(own.length > 0 ? own : problems);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function chosen({ playbooks, problems }: LoadedPlaybooks, folder: string): CompiledPlaybook {
  for (const compiled of playbooks.values()) if (basename(dirname(compiled.file)) === folder) return compiled;
  const own = problems.filter(({ file }) => basename(dirname(file)) === folder);
  throw new PlaybooksInvalid(own.length > 0 ? own : problems);
}
