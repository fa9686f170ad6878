/** Looks for secrets as a person with grep, base64 and patience would. */
export class Grep {
  readonly #needles: { name: string; forms: string[] }[];

  /** @param secrets by a name that may be shown */
  constructor(secrets: { [name: string]: string }) {
    this.#needles = Object.entries(secrets).map(([name, secret]) => {
      if (secret.length < 12) throw new Error(`${name} is too short to be told from chance`);
      return { name, forms: formsOf(secret) };
    });
  }

  /** The names of the secrets that are in a text: as they are, in base64, hexadecimal or URL encoding, or inside base64 text. */
  in(text: string): string[] {
    const texts = [text, ...decoded(text)];
    return this.#needles
      .filter(({ forms }) => forms.some((form) => texts.some((one) => one.includes(form))))
      .map(({ name }) => name);
  }
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    bytes.toString('hex'),
    // The last digits of base64 depend on what follows.
    bytes.toString('base64').replace(/.{0,2}=*$/, ''),
    bytes.toString('base64url').replace(/.{0,2}$/, ''),
  ];
}

/** What the base64 in a text says, three layers deep: a history holds payloads so, and a payload may hold more. */
function decoded(text: string, depth = 3): string[] {
  if (depth === 0) return [];
  const found = [...text.matchAll(/[A-Za-z0-9+/_-]{16,}={0,2}/g)].map(([word]) =>
    Buffer.from(word, 'base64').toString('utf8'),
  );
  return found.flatMap((inner) => [inner, ...decoded(inner, depth - 1)]);
}
