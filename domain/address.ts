/**
 * The path of a step in its playbook, from the address of one of its instances: the address without its places in loops. `each[3]/deny` → `each/deny`.
 * An opening names approvals by path, for nobody knows beforehand how many instances there will be.
 */
export function pathOfAddress(address: string): string {
  return address.replaceAll(/\[\d+\]/g, '');
}
