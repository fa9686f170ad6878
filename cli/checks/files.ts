import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../domain/errors.ts';
import type { Configuration } from '../../worker/config/load.ts';
import { failed, ok, skipped, warning, type Check } from './check.ts';

/** Whether only its owner can read a file that holds a credential. */
export async function checkPrivate(name: string, file: string): Promise<Check> {
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) === 0) return ok(name, `${file} is readable by its owner alone`);
    return warning(
      name,
      `${file} can be read by others (mode ${(mode & 0o777).toString(8)})`,
      `chmod 600 ${file}`,
    );
  } catch (error) {
    return failed(name, `${file} cannot be read (${systemCode(error)})`);
  }
}

/** The private keys of the state directory: the store refuses one that others can read. */
export async function checkKeys({ state }: Configuration): Promise<Check[]> {
  const dir = join(state, 'keys');
  const names = await readdir(dir).catch(() => undefined);
  if (names === undefined)
    return [skipped('state.keys', `${dir} is not there yet: firebreak up makes the keys`)];
  const checks: Check[] = [];
  for (const name of names.filter((file) => file.endsWith('.pem') && !file.endsWith('.pub.pem'))) {
    const file = join(dir, name);
    const { mode } = await lstat(file);
    const field = `state.keys.${name}`;
    if ((mode & 0o077) === 0) checks.push(ok(field, 'readable by its owner alone'));
    else
      checks.push(
        failed(
          field,
          `${file} can be read by others`,
          `chmod 600 ${file}, and replace the key if they did read it`,
        ),
      );
  }
  return checks;
}
