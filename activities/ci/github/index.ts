import type { ForgeRegistry } from '../forges.ts';
import { createGitHub, type GitHub } from './client.ts';

/** The GitHub that a forge of the configuration is. @throws FirebreakError FB3501 */
export type GitHubOf = (forge: string) => GitHub;

/** One client for each forge: it knows how many requests are left. */
export function gitHubs(forges: ForgeRegistry): GitHubOf {
  const known = new Map<string, GitHub>();
  return (name) => {
    const found = known.get(name) ?? createGitHub(forges('github', name));
    known.set(name, found);
    return found;
  };
}
