/**
 * Says that this is alive while `work` waits for long reads. A heartbeat is refused when the activity is cancelled: the work ends through its signal, and
 * what was refused is thrown.
 */
export async function beating<T>(
  heartbeat: () => Promise<void>,
  work: () => Promise<T>,
  everyMs = 5_000,
): Promise<T> {
  let refused: { error: unknown } | undefined;
  const timer = setInterval(() => {
    heartbeat().catch((error: unknown) => {
      refused = { error };
    });
  }, everyMs);
  try {
    const result = await work();
    if (refused !== undefined) throw refused.error;
    return result;
  } finally {
    clearInterval(timer);
  }
}
