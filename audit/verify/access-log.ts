import { accessGenesis, accessHash } from '../../domain/access-log.ts';
import type { Digest } from '../../domain/json.ts';
import { accessLineShape, names, type AccessLine } from '../bundle/layout.ts';
import { checked, linesOf } from '../bundle/parse.ts';
import type { Files } from '../bundle/read.ts';
import type { Findings } from '../findings.ts';

/**
 * The gateway's log as one chain. A line that is withheld because it is about another incident keeps its place: its hash cannot be computed
 * again here, but no line can be added, removed or swapped around it.
 */
export function checkAccessLog(files: Files, incident: string | undefined, findings: Findings): AccessLine[] {
  const file = names.accessLog;
  const good: AccessLine[] = [];
  let prev: Digest | undefined = accessGenesis;
  linesOf(files, file, findings).forEach((value, index) => {
    const at = `line ${index + 1}`;
    const line =
      value === undefined ? undefined : checked(value, accessLineShape, 'FB5801', file, at, findings);
    if (line === undefined) {
      // What follows cannot be compared with a line that could not be read.
      prev = undefined;
      return;
    }
    if (line.seq !== index + 1) {
      findings.add('FB5803', file, at, 'the line does not carry its own number', {
        expected: index + 1,
        found: line.seq,
      });
    }
    if (prev !== undefined && line.prev !== prev) {
      findings.add('FB5803', file, at, 'the line does not name the hash of the one before', {
        expected: prev,
        found: line.prev,
      });
    }
    if (!('withheld' in line)) {
      const hash = accessHash(line);
      if (line.hash !== hash) {
        findings.add('FB5802', file, at, 'the content of the line is not what its hash was made of', {
          expected: hash,
          found: line.hash,
        });
      }
      if (incident !== undefined && line.incident !== undefined && line.incident !== incident) {
        findings.add('FB5109', file, at, 'the line is about another incident', {
          expected: incident,
          found: line.incident,
        });
      }
    }
    prev = line.hash;
    good.push(line);
  });
  return good;
}
