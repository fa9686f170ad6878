/** What somebody who is handed nothing but the bundle reads first. */
export function bundleReadme(incident: string, keyId: string): string {
  return `Firebreak audit bundle of incident ${incident}

Verify it with Firebreak and the public key of the ledger, which you should have had from somewhere else than
from whoever gave you this directory (its id should be ${keyId}):

    firebreak audit verify <this directory> --key ledger.pub.pem
    firebreak audit replay <this directory> --key ledger.pub.pem
    firebreak audit timeline <this directory> --key ledger.pub.pem

By hand, with standard tools: every JSON file is RFC 8785 canonical JSON and a line feed.

manifest.json           every other file with its SHA-256 and size: compare with sha256sum
manifest.sig.json       Ed25519 over the canonical JSON of its "payload", which holds the SHA-256 of manifest.json
ledger.jsonl            the ledger, an entry a line; "hash" is the SHA-256 of the entry without "hash", "prev" that of the
                        entry before
seal.json               signed by the engine when the incident closed: the number of entries, the last hash, the keys of the
                        gateway that signed decisions
history-<run>.json      Temporal's history of one run of the workflow; a long incident has several, each continuing the one
                        before. Activity ids are <verb>/<seq>/<hash> of ledger entries
history-<run>.seal.json signed when it was exported: the SHA-256 of the history
access-log.jsonl        the gateway's log up to the export: what was let in and what was refused. Lines about other
                        incidents are withheld but for their place in the chain
evidence.json           the chain of custody: who collected what, where from, when
evidence/<sha256>       the artefacts
playbook.json           the playbook that was run
`;
}
