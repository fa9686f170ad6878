import { FirebreakError } from '../../domain/errors.ts';

/** One thing that was looked at. */
export interface Check {
  name: string;
  state: 'ok' | 'warning' | 'failed' | 'skipped';
  detail: string;
  fix?: string;
}

export function ok(name: string, detail: string): Check {
  return { name, state: 'ok', detail };
}

export function warning(name: string, detail: string, fix: string): Check {
  return { name, state: 'warning', detail, fix };
}

export function failed(name: string, detail: string, fix?: string): Check {
  return { name, state: 'failed', detail, ...(fix === undefined ? {} : { fix }) };
}

export function skipped(name: string, detail: string): Check {
  return { name, state: 'skipped', detail };
}

/** The checks of `look`; what it throws is one failed check, never the end of the others. */
export async function attempt(name: string, look: () => Promise<Check[]> | Check[]): Promise<Check[]> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof FirebreakError || (error instanceof Error && error.name === 'KubernetesError'))
      return error.message.split('\n').map((line) => failed(name, line));
    throw error;
  }
}
