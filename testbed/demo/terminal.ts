import { createInterface } from 'node:readline/promises';
import { stdin, stdout } from 'node:process';
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** The demo's voice: numbered steps, what was seen, and questions for a person. */
export class Terminal {
  readonly #ask: boolean;
  readonly #out: NodeJS.WriteStream;
  readonly #began = Date.now();
  #step = 0;

  /** @param ask false: every question is answered with its default, so that the demo runs by itself */
  constructor(ask: boolean, out: NodeJS.WriteStream = stdout) {
    this.#ask = ask;
    this.#out = out;
  }

  step(title: string): void {
    this.#step += 1;
    const seconds = ((Date.now() - this.#began) / 1000).toFixed(1);
    this.#out.write(
      `\n${this.#paint('bold', `${this.#step}. ${title}`)} ${this.#paint('dim', `(${seconds} s)`)}\n`,
    );
  }

  say(text: string): void {
    this.#out.write(`${indent(text)}\n`);
  }

  seen(text: string): void {
    this.#out.write(`   ${this.#paint('green', '✓')} ${text}\n`);
  }

  quote(text: string): void {
    const lines = text.trimEnd().split('\n');
    this.#out.write(`${lines.map((line) => `   ${this.#paint('dim', '│')} ${line}`).join('\n')}\n`);
  }

  /** One of `choices`; the first is the default, and the answer when nobody is asked. */
  async choose(question: string, choices: readonly string[]): Promise<string> {
    const fallback = choices[0] ?? '';
    if (!this.#ask) {
      this.say(this.#paint('cyan', `${question} → ${fallback}`));
      return fallback;
    }
    const lines = createInterface({ input: stdin, output: this.#out });
    try {
      for (;;) {
        const answer = (
          await lines.question(`   ${this.#paint('cyan', question)} [${choices.join('/')}] `)
        ).trim();
        const chosen = answer === '' ? fallback : choices.find((choice) => choice.startsWith(answer));
        if (chosen !== undefined) return chosen;
      }
    } finally {
      lines.close();
    }
  }

  #paint(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#out });
  }
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `   ${line}`)
    .join('\n');
}
