import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { inForce, noPolicy, type PolicyInForce, type PolicySource } from '../activities/images/in-force.ts';
import { parseImagePolicy } from '../activities/images/policy.ts';
import { FirebreakError, systemCode } from '../domain/errors.ts';
import { placeIn, readDocument } from '../language/compile/document.ts';

/**
 * Reads the image policy, and the trusted root that it names, each time that it is asked: both are small, and a change must count at once. They are
 * parsed again only when their text is another. What is wrong with them is thrown: an older policy is never gone back to.
 * @param file absolute; undefined when none is configured
 */
export function imagePolicyFile(file: string | undefined): PolicySource {
  if (file === undefined) return noPolicy;
  let last: { text: string; rootText: string | undefined; result: PolicyInForce } | undefined;
  return async () => {
    const text = await read('images.policy', file);
    const policy = last?.text === text ? last.result.policy : parseImagePolicy(valueOf(file, text));
    const root = policy.trustedRoot;
    const rootText =
      root === undefined ? undefined : await read('trustedRoot.file', resolve(dirname(file), root.file));
    if (last?.text === text && last.rootText === rootText) return last.result;
    const result = inForce(policy, rootText);
    last = { text, rootText, result };
    return result;
  };
}

async function read(field: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = field === 'images.policy' ? 'FB3821' : 'FB3812';
    throw new FirebreakError(code, `${field}: ${file} cannot be read (${systemCode(error)})`);
  }
}

/** Plain YAML: what two readers may read differently is refused. */
function valueOf(file: string, text: string): unknown {
  const reading = readDocument(text);
  if ('source' in reading) return reading.source.value;
  const place = placeIn(text);
  const faults = reading.findings.map(({ offset = 0, message, fix }) => {
    const { line, column } = place(offset);
    return `${file}:${line}:${column}: ${message}; ${fix}`;
  });
  throw new FirebreakError('FB3821', `images.policy is no plain YAML\n${faults.join('\n')}`);
}
