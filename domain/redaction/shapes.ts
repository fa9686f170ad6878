import type { Range } from './views.ts';

/**
 * Credentials by their form. A group, where there is one, is the part that goes; else all of it. Each is bounded, or begins where no other match can, so
 * that no text takes more than linear time.
 */
const shapes: readonly RegExp[] = [
  // Firebreak's own
  /(?<![A-Za-z0-9])fbt_[0-9a-f]{16}_[\w-]{20,}/dg,
  // GitHub
  /(?<![A-Za-z0-9])(?:gh[oprsu]_[A-Za-z0-9_]{20,}|github_pat_[A-Za-z0-9_]{20,})/dg,
  // GitLab
  /(?<![A-Za-z0-9])gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct|wt)-[\w.-]{16,}/dg,
  // Slack
  /(?<![A-Za-z0-9])(?:xox[a-z]|xapp)-[\w-]{8,}/dg,
  /hooks\.slack\.com\/([\w/-]{8,})/dg,
  // JSON Web Tokens
  /(?<![\w-])eyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*/dg,
  // AWS, by their label
  /(?:secret_?access_?key|aws_secret_key)["'\s:=>]{1,8}([A-Za-z0-9/+]{16,})/dgi,
  /(?:session_?token|x-amz-security-token)["'\s:=>]{1,8}([A-Za-z0-9/+=]{32,})/dgi,
  /signature["'\s:=>]{1,8}([0-9a-f]{64})/dgi,
  // Headers
  /(?:authorization|private-token|job-token|x-vault-token|x-api-key)["']?\s{0,4}[:=,]\s{0,4}["']?(?:bearer|basic|token|apikey)\s{1,4}([^\s"',;]+)/dgi,
  /(?:authorization|private-token|job-token|x-vault-token|x-api-key)["']?\s{0,4}[:=,]\s{0,4}["']?([^\s"',;]{16,})/dgi,
  /(?<![\w-])bearer[ \t]{1,4}([\w.~+/=-]{16,})/dgi,
  // URLs: a segment has no slash, so it is searched once
  /:\/\/[^\s/?#:@"']*:([^\s/?#"']*)@/dg,
];

/** Where a text holds what looks like a credential. */
export function credentialsIn(text: string): Range[] {
  return [...shapes.flatMap((shape) => matches(text, shape)), ...privateKeys(text), ...awsSecretKeys(text)];
}

function matches(text: string, shape: RegExp): Range[] {
  return [...text.matchAll(shape)].flatMap(({ indices }) => {
    const [from, to] = indices?.[1] ?? indices?.[0] ?? [0, 0];
    return from === to ? [] : [{ from, to }];
  });
}

/** What a key can consist of in any wrapping; a quotation mark ends it. */
const keyText = /[\w+/=\s\\:,.-]*/y;
const begin = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY/g;
const end = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;

/** Private keys in PEM, also without their end. */
function privateKeys(text: string): Range[] {
  const found: Range[] = [];
  begin.lastIndex = 0;
  for (let start = begin.exec(text); start !== null; start = begin.exec(text)) {
    keyText.lastIndex = start.index;
    const reach = start.index + (keyText.exec(text)?.[0].length ?? 0);
    end.lastIndex = start.index;
    const last = end.exec(text.slice(0, reach));
    const to = last === null ? reach : end.lastIndex;
    found.push({ from: start.index, to });
    begin.lastIndex = to;
  }
  return found;
}

/** How far from its id a secret key may stand. Characters. */
const beside = 200;
const keyId = /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,60}(?![A-Za-z0-9])/g;
const secretKey = /(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])/g;

/** Secret keys of AWS have no form of their own but their length: they are known by an access key's id beside them. */
function awsSecretKeys(text: string): Range[] {
  const ids = [...text.matchAll(keyId)].map(({ index, 0: id }) => ({ from: index, to: index + id.length }));
  if (ids.length === 0) return [];
  let next = 0;
  return [...text.matchAll(secretKey)].flatMap(({ index, 0: key }) => {
    const range = { from: index, to: index + key.length };
    while (next < ids.length && (ids[next]?.to ?? 0) < range.from - beside) next++;
    const near = ids[next];
    // A SHA-1 of a commit has the same length.
    const mixed = /[a-z]/.test(key) && /[A-Z]/.test(key);
    return mixed && near !== undefined && near.from <= range.to + beside ? [range] : [];
  });
}
