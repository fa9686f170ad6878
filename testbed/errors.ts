/** The `code` of a system error (`ENOENT`) or the exit code of a failed command; undefined when there is none. */
export function errorCode(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
