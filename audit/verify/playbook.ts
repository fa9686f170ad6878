import { digest, type Digest } from '../../domain/json.ts';
import { names } from '../bundle/layout.ts';
import { jsonOf } from '../bundle/parse.ts';
import type { Files } from '../bundle/read.ts';
import type { Findings } from '../findings.ts';

/** The playbook's file against the digest that the history's input carries. */
export function checkPlaybook(files: Files, expected: Digest | undefined, findings: Findings): void {
  const playbook = jsonOf(files, names.playbook, findings);
  if (playbook === undefined || expected === undefined) return;
  const found = digest(playbook);
  if (found !== expected) {
    findings.add('FB5901', names.playbook, '', 'this is not the playbook that the incident ran', {
      expected,
      found,
    });
  }
}
