import { z } from 'zod';
import { remember } from '../../../domain/redaction.ts';
import { Secret } from '../../../domain/secret.ts';
import type { AwsCredential } from '../accounts.ts';
import type { Input } from './input.ts';

/** Whatever else stood there would be lost when it is replaced: then it is no key. */
const pair = z.strictObject({ accessKeyId: z.string().min(16).max(128), secretAccessKey: z.string().min(1) });

/** A key as its consumers read it. */
export function written({ accessKeyId, secretAccessKey }: AwsCredential, format: Input['format']): Secret {
  if (format === 'json') return new Secret(JSON.stringify({ accessKeyId, secretAccessKey }));
  const lines = [
    '[default]',
    `aws_access_key_id = ${accessKeyId}`,
    `aws_secret_access_key = ${secretAccessKey}`,
  ];
  return new Secret(`${lines.join('\n')}\n`);
}

/** The key that a value of either format holds; undefined when it is something else. Its secret is remembered for redaction. */
export function keyIn(value: Secret): AwsCredential | undefined {
  const found = fromJson(value.reveal()) ?? fromFile(value.reveal());
  if (found !== undefined) remember(found.secretAccessKey);
  return found;
}

function fromJson(text: string): AwsCredential | undefined {
  try {
    return pair.safeParse(JSON.parse(text)).data;
  } catch {
    // Not JSON, and a parser's message would quote it.
    return undefined;
  }
}

/** One profile, as `written` makes it; more would be lost when it is replaced. */
function fromFile(text: string): AwsCredential | undefined {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^\s*[#;]/.test(line));
  if (lines.length !== 3 || !/^\s*\[default\]\s*$/.test(lines[0] ?? '')) return undefined;
  const value = (name: string) =>
    lines
      .map((line) => line.split('='))
      .find(([key]) => key?.trim() === name)
      ?.slice(1)
      .join('=')
      .trim();
  return pair.safeParse({
    accessKeyId: value('aws_access_key_id'),
    secretAccessKey: value('aws_secret_access_key'),
  }).data;
}
