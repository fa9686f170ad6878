import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { redact, remember } from '../../../domain/redaction.ts';

const key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const pem = `-----BEGIN RSA PRIVATE KEY-----\nMIIEow+/IBAAKC=\n-----END RSA PRIVATE KEY-----`;
const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl';
const token = `ghp_${'a1B2'.repeat(9)}`;

describe('what looks like a credential', () => {
  test.each([
    ["AWS's pair", `AKIAIOSFODNN7EXAMPLE ${key}`, 'AKIAIOSFODNN7EXAMPLE [secret]'],
    ['the same, the other way round', `${key}:AKIAIOSFODNN7EXAMPLE`, '[secret]:AKIAIOSFODNN7EXAMPLE'],
    [
      'in JSON',
      `{"AccessKeyId":"AKIAIOSFODNN7EXAMPLE","SecretAccessKey":"${key}"}`,
      '{"AccessKeyId":"AKIAIOSFODNN7EXAMPLE","SecretAccessKey":"[secret]"}',
    ],
    [
      'in a file, escaped',
      `[default]\\naws_access_key_id=AKIAIOSFODNN7EXAMPLE\\naws_secret_access_key=${key}\\n`,
      '[default]\\naws_access_key_id=AKIAIOSFODNN7EXAMPLE\\naws_secret_access_key=[secret]\\n',
    ],
    ['by its label alone', `AWS_SECRET_ACCESS_KEY=${key}`, 'AWS_SECRET_ACCESS_KEY=[secret]'],
    ['a session', `aws_session_token = ${'Fwo/'.repeat(20)}=`, 'aws_session_token = [secret]'],
    ['a token of GitHub', `remote: ${token} is no good`, 'remote: [secret] is no good'],
    ['fine-grained', `github_pat_${'a'.repeat(22)}_${'b'.repeat(59)}!`, '[secret]!'],
    ['a token of GitLab', 'glpat-aB3dE6gH9jK2mN5pQ8sT', '[secret]'],
    ['a token of Slack', 'xoxb-123456789012-abcdefgh', '[secret]'],
    [
      "one of Firebreak's own",
      `${`fbt_${'0'.repeat(16)}_${'aB-_'.repeat(11)}`.slice(0, 64)} sent`,
      '[secret] sent',
    ],
    ['a JSON Web Token', `token ${jwt}, and more`, 'token [secret], and more'],
    ['a private key', `before ${pem} after`, 'before [secret] after'],
    ['escaped', JSON.stringify({ k: pem, l: 1 }), '{"k":"[secret]","l":1}'],
    ['without its end', '{"k":"-----BEGIN PRIVATE KEY-----\\nMIIE","l":1}', '{"k":"[secret]","l":1}'],
    ['a header', 'Authorization: Bearer abc.def', 'Authorization: Bearer [secret]'],
    ['as JSON', '{"authorization":"Basic dXNlcjpwdw==","a":1}', '{"authorization":"Basic [secret]","a":1}'],
    ['without a scheme', `"authorization": "${'x9'.repeat(10)}"`, '"authorization": "[secret]"'],
    [
      "as undici's list",
      "[ 'authorization', 'Bearer 0123456789abcdef' ]",
      "[ 'authorization', 'Bearer [secret]' ]",
    ],
    ['GitLab', 'PRIVATE-TOKEN: 0123456789abcdef0123', 'PRIVATE-TOKEN: [secret]'],
    ['a URL', 'https://bot:p4ss@registry.example/v2', 'https://bot:[secret]@registry.example/v2'],
    ['of a database', 'postgres://u:p%40ss@db:5432/x', 'postgres://u:[secret]@db:5432/x'],
    [
      'percent-encoded',
      `?next=${encodeURIComponent('https://bot:p4ss@h/x')}`,
      '?next=https%3A%2F%2Fbot%3A[secret]%40h%2Fx',
    ],
  ])('goes: %s', (_, text, wanted) => {
    expect(redact(text)).toBe(wanted);
    expect(redact(wanted)).toBe(wanted);
  });

  test.each([
    'key AKIAIOSFODNN7EXAMPLE of arn:aws:iam::123456789012:user/deployer is Active',
    `AKIAIOSFODNN7EXAMPLE pushed ${'0123456789abcdef'.repeat(3).slice(0, 40)}`,
    `sha256:${'0123456789abcdef'.repeat(4)}`,
    'FB1101: no token; Authorization: send one',
    'https://registry.example:5000/v2/acme/shop@sha256:0123',
    'mail to ops@example.com, see https://example.com/a:b@c',
    'the bearer of this decides; a basic question',
    '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
    'C:\\Users\\x 100% \\u12 %zz ++',
  ])('stays: %s', (text) => {
    expect(redact(text)).toBe(text);
  });

  test('texts without secrets pass unchanged', () => {
    for (let count = 0; count < 200; count++) remember(randomBytes(12).toString('base64'));
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.lorem({ maxCount: 40 }), fc.json()),
        (text) => {
          expect(redact(text)).toBe(text);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
