/**
 * Whether an answer to a credential is a yes.
 * @param no the status by which this one refuses
 * @throws at an answer that says neither yes nor no
 */
export function letIn(who: string, status: number, no = 401): boolean {
  if (status === no) return false;
  if (status === 200) return true;
  throw new Error(`${who} answers a stolen credential with ${status}`);
}
