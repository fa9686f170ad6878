import { readFile } from 'node:fs/promises';
import { FirebreakError, systemCode } from '../domain/errors.ts';

/** Reads a text file that a field of the configuration names. @throws FirebreakError FB6005 */
export async function readText(field: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new FirebreakError('FB6005', `${field}: ${file} cannot be read (${systemCode(error)})`);
  }
}
