import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../domain/errors.ts';
import { CliError, usage } from './failure.ts';
import { safe } from './output.ts';

/** Writes a playbook to begin with, its page and its first scenario. Answers the files; refuses where there is something already. */
export async function scaffold(wish: { id: string; name: string; dir: string }): Promise<string[]> {
  const { id, name, dir } = wish;
  if (!/^[A-Z][A-Z0-9]{1,9}-\d{3,6}$/.test(id))
    throw usage(
      `${safe(JSON.stringify(id), 100)} is no id: write capitals, a dash and a number, such as FB-123`,
    );
  const folder = join(dir, `${id}-${slug(name)}`);
  const files = {
    'playbook.yaml': playbook(id, name),
    'README.md': page(id, name),
    'scenarios/first.yaml': scenario,
  };
  try {
    await mkdir(dir, { recursive: true });
    const taken = (await readdir(dir)).find((each) => each === id || each.startsWith(`${id}-`));
    if (taken !== undefined)
      throw usage(`${id} is that of ${safe(join(dir, taken))} already: choose another id`);
    // Fails when it is there: nothing is ever written over.
    await mkdir(folder);
    await mkdir(join(folder, 'scenarios'));
    for (const [file, text] of Object.entries(files))
      await writeFile(join(folder, file), text, { flag: 'wx' });
  } catch (error) {
    if (error instanceof CliError) throw error;
    const code = systemCode(error);
    throw usage(
      code === 'EEXIST'
        ? `${safe(folder)} is there already: choose another id`
        : `${safe(folder)} cannot be written (${code})`,
    );
  }
  return Object.keys(files).map((file) => join(folder, file));
}

function slug(name: string): string {
  const words = name
    .normalize('NFKD')
    .toLowerCase()
    .match(/[a-z0-9]+/g) ?? ['playbook'];
  return words.join('-').slice(0, 60).replace(/-$/, '');
}

/** JSON is YAML, and safe whatever the name holds. */
function playbook(id: string, name: string): string {
  return `# yaml-language-server: $schema=../../playbook.schema.json
# Completion in your editor: firebreak playbook schema > playbook.schema.json
id: ${id}
name: ${JSON.stringify(name)}
version: 1
description: >-
  Say for which alert this is, what it does, and what goes on running meanwhile.
inputs:
  cluster: { type: string, description: The cluster's name as configured in Firebreak. }
  namespace: { type: string, description: The namespace to contain. }
steps:
  - id: quarantine
    uses: kubernetes.quarantine-namespace
    with: { cluster: '\${{ inputs.cluster }}', namespace: '\${{ inputs.namespace }}' }
    approve: { from: [responders], count: 1, within: 5m, otherwise: escalate }
    hold: { for: 24h, then: escalate }
    undo: never # a later failure must not free the attacker
  - id: evidence
    uses: kubernetes.collect-evidence
    with: { cluster: '\${{ inputs.cluster }}', namespace: '\${{ inputs.namespace }}' }
`;
}

function page(id: string, name: string): string {
  const title = name.replaceAll(/[\\`*_{}[\]<>()#+!|&]/g, (sign) => `\\${sign}`);
  return `# ${id}: ${title.replaceAll(/\s+/g, ' ')}

When to run it, who decides, and how to tell that it worked.

| input       | what                                          |
| ----------- | --------------------------------------------- |
| \`cluster\`   | the cluster's name as configured in Firebreak |
| \`namespace\` | the namespace to contain                      |

## What it does

1. Cuts the namespace off once a responder approves, and holds that until a person releases it.
2. Collects evidence.

## What it does not cover

Connections that are open already, and credentials that were taken: revoke those separately. The approval message lists what applies
here and now; \`firebreak playbook docs ${id}\` lists what its actions leave out.

## Try it

\`\`\`sh
firebreak playbook lint --strict
firebreak playbook test
firebreak playbook plan ${id} -i cluster=prod -i namespace=shop
firebreak playbook run ${id} -i cluster=prod -i namespace=shop --mode simulate --reason Drill
\`\`\`
`;
}

const scenario = `name: A responder approves, and the namespace is contained
given:
  inputs: { cluster: prod, namespace: shop }
  decisions: { quarantine: approved by ada after 2m }
  results:
    quarantine:
      verdict: verified
      outputs: { removedPolicies: 2, freeze: firebreak-freeze, policy: firebreak-deny, kit: firebreak/kit }
    evidence:
      outputs: { artefacts: 12, bytes: 4096, complete: true, manifest: 'sha256:aa', pods: [web-1], images: [] }
expect:
  outcome: completed
  steps:
    - quarantine: { status: held, with: { cluster: prod, namespace: shop } }
    - evidence: { status: done }
  holding: [quarantine]
`;
