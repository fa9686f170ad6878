import { compare, hash } from 'bcryptjs';
import type { Secret } from '../../domain/secret.ts';

/** As `htpasswd -B -C 10`: the registry computes it for each request. */
const COST = 10;

/** One user's line in an htpasswd file (CNCF Distribution: bcrypt only). */
export interface HtpasswdLine {
  /** The whole line without its end. */
  text: string;
  hash: string;
}

/** Every line of that user: a file that has several is ambiguous. Empty lines and comments belong to nobody. */
export function linesOf(file: string, user: string): HtpasswdLine[] {
  return file.split('\n').flatMap((text) => {
    const line = text.trim();
    const colon = line.indexOf(':');
    return line.startsWith('#') || colon < 0 || line.slice(0, colon) !== user
      ? []
      : [{ text, hash: line.slice(colon + 1) }];
  });
}

/** The file with another hash for a user that is in it; every other byte stays. */
export function withHash(file: string, user: string, line: HtpasswdLine, newHash: string): string {
  const end = line.text.endsWith('\r') ? '\r' : '';
  return file
    .split('\n')
    .map((text) => (text === line.text ? `${user}:${newHash}${end}` : text))
    .join('\n');
}

/** `$2y$…`, which Apache's htpasswd writes; `$2b$`, which the library writes, names the same algorithm. */
export async function bcryptHash(password: Secret): Promise<string> {
  const made = await hash(password.reveal(), COST);
  return made.replace(/^\$2[ab]\$/, '$2y$');
}

/** Whether the password is the line's. Anything but bcrypt is nobody's. */
export async function fits(password: Secret, line: HtpasswdLine): Promise<boolean> {
  return (
    /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/.test(line.hash) && (await compare(password.reveal(), line.hash))
  );
}
