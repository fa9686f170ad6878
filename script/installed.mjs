// Exits with 0 when node_modules is what package-lock.json says. Plain JavaScript: the machine's own, perhaps older, Node runs it.
// Times say nothing here: a checkout touches the lock, an unrelated install touches node_modules.
import { readFileSync } from 'node:fs';

/** The packages of a lock file by path; undefined when there is none. */
function packages(file) {
  try {
    return JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

const wanted = packages('../package-lock.json');
const present = packages('../node_modules/.package-lock.json');
const stale = Object.entries(wanted).filter(([path, { version, optional, devOptional }]) => {
  const found = present?.[path];
  // Optional packages are those of other systems.
  return path !== '' && (found === undefined ? !optional && !devOptional : found.version !== version);
});
process.exitCode = present !== undefined && stale.length === 0 ? 0 : 1;
