import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { compilePlaybook, type Library } from '../../../language/compile/compile.ts';
import type { Problem } from '../../../language/compile/problem.ts';
import { languageCatalogue } from '../../support/language-catalogue.ts';

const folder = join(import.meta.dirname, 'invalid');

/** What the comment at the top of a file says of it, and the file. `instead` and `write`: the edit that makes it sound. */
interface Case {
  name: string;
  text: string;
  code: string;
  line: number;
  says: string;
  edit: { instead: string; write: string } | undefined;
}

const library: Library = {
  get(id) {
    const file = `${id}.yaml`;
    const children = join(folder, 'children');
    return readdirSync(children).includes(file)
      ? { file, text: readFileSync(join(children, file), 'utf8') }
      : undefined;
  },
};

const cases = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml'))
  .map((file): Case => {
    const text = readFileSync(join(folder, file), 'utf8');
    const said = (key: string): string | undefined => new RegExp(`^# ${key}: (.*)$`, 'm').exec(text)?.[1];
    const [instead, write] = [said('instead'), said('write')];
    return {
      name: file.replace('.yaml', ''),
      text,
      code: said('code') ?? '',
      line: Number(said('line')),
      says: JSON.parse(said('says') ?? '""'),
      edit:
        instead === undefined || write === undefined
          ? undefined
          : { instead: JSON.parse(instead), write: JSON.parse(write) },
    };
  });

function problemsOf(name: string, text: string): Problem[] {
  const result = compilePlaybook({ file: `${name}.yaml`, text }, languageCatalogue, library);
  return 'problems' in result ? result.problems : [];
}

/** The text after the comment that describes it, with the fault put right. */
function mended({ text, edit }: Case): string {
  const body = text.replace(/^(# .*\n)+/, '');
  if (edit === undefined || !body.includes(edit.instead)) throw new Error('the file has nothing to mend');
  return body.replace(edit.instead, () => edit.write);
}

test('there are more than a hundred', () => {
  expect(cases.length).toBeGreaterThan(100);
});

test.each(cases)('$name is refused for its own reason, at its line', ({ name, text, code, line, says }) => {
  const found = problemsOf(name, text);
  expect(found.map((problem) => ({ code: problem.code, line: problem.line }))).toEqual([{ code, line }]);
  expect(found[0]?.message).toContain(says);
  expect(found[0]?.fix).not.toBe('');
});

test.each(cases.filter(({ edit }) => edit !== undefined))(
  '$name is accepted once its fault is put right',
  (one) => {
    expect(problemsOf(one.name, mended(one))).toEqual([]);
  },
);
