import { quote, type Findings } from '../findings.ts';
import {
  historySealName,
  isListable,
  manifestShape,
  names,
  required,
  runOf,
  signedManifestShape,
  type Manifest,
  type ManifestSeal,
} from '../bundle/layout.ts';
import { shapeOf } from '../bundle/parse.ts';
import type { Files } from '../bundle/read.ts';
import { verifySigned, type PublicKey, type Signed } from '../../domain/signature.ts';

/** The manifest against its signature, and every file against the manifest. */
export function checkContainer(files: Files, trusted: PublicKey, findings: Findings): Manifest | undefined {
  for (const name of [names.manifest, names.manifestSignature]) {
    if (!files.has(name)) findings.add('FB5101', name, '', `${name} is missing`);
  }
  checkManifestSignature(files, trusted, findings);
  const manifest = shapeOf(files, names.manifest, manifestShape, findings);
  checkPresent(files, manifest, findings);
  return manifest;
}

function checkManifestSignature(files: Files, trusted: PublicKey, findings: Findings): void {
  const signed = shapeOf(files, names.manifestSignature, signedManifestShape, findings);
  if (signed === undefined) return;
  checkSignature(
    signed,
    'firebreak/manifest/v1',
    trusted,
    ['FB5201', 'FB5202'],
    names.manifestSignature,
    findings,
  );
  const seal: ManifestSeal = signed.payload;
  const manifest = files.get(names.manifest);
  if (manifest !== undefined && manifest.digest !== seal.manifest) {
    findings.add('FB5207', names.manifest, '', 'the bytes of the manifest are not those that were signed', {
      expected: seal.manifest,
      found: manifest.digest,
    });
  }
}

/** One signature: first whether it is by the trusted key, then whether it is valid, so that the two are told apart. */
export function checkSignature<T extends { type: string }>(
  signed: Signed<T>,
  type: T['type'],
  trusted: PublicKey,
  [otherKey, invalid]: ['FB5201' | 'FB5203' | 'FB5205', 'FB5202' | 'FB5204' | 'FB5206'],
  file: string,
  findings: Findings,
): boolean {
  if (signed.keyId !== trusted.id) {
    findings.add(otherKey, file, '', 'signed by another key than the trusted one', {
      expected: trusted.id,
      found: signed.keyId,
    });
    return false;
  }
  if (!verifySigned(signed, type, [trusted])) {
    findings.add(invalid, file, '', `the signature does not fit the payload and ${trusted.id}`);
    return false;
  }
  return true;
}

function checkPresent(files: Files, manifest: Manifest | undefined, findings: Findings): void {
  const listed = new Set<string>([names.manifest, names.manifestSignature]);
  for (const { name, digest, size } of manifest?.files ?? []) {
    if (!isListable(name)) {
      findings.add('FB5105', names.manifest, quote(name, 120), 'no file of a bundle has this name');
      continue;
    }
    if (listed.has(name)) findings.add('FB5108', names.manifest, name, `${name} is listed twice`);
    listed.add(name);
    const file = files.get(name);
    if (file === undefined) {
      findings.add('FB5101', name, '', `${name} is in the manifest, but not in the bundle`);
    } else if (file.digest !== digest || file.size !== size) {
      findings.add('FB5103', name, '', `${name} is not what was exported`, {
        expected: `${digest}, ${size} bytes`,
        found: `${file.digest}, ${file.size} bytes`,
      });
    }
  }
  if (manifest !== undefined) {
    for (const name of files.keys()) {
      if (!listed.has(name))
        findings.add('FB5102', quote(name, 120), '', 'the manifest does not list this file');
    }
  }
  for (const name of required) {
    if (!files.has(name) && !listed.has(name)) findings.add('FB5101', name, '', `${name} is missing`);
  }
  const runs = [...files.keys()].map(runOf).filter((run) => run !== undefined);
  if (runs.length === 0) findings.add('FB5101', 'history-<run>.json', '', 'the bundle has no history');
  for (const run of runs) {
    const name = historySealName(run);
    if (!files.has(name) && !listed.has(name)) findings.add('FB5101', name, '', `${name} is missing`);
  }
}
