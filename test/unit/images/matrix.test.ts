import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { soaks } from '../../../script/suite/soaks.ts';
import { allCases, aThird, groups } from '../../support/image-matrix/all.ts';
import { rowsOf } from '../../support/image-matrix/page.ts';

const page = new URL('../../../docs/reference/image-matrix.md', import.meta.url);

describe('the matrix of images', () => {
  test('has a name for each, once, and some of each group in a third', () => {
    const names = allCases.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(180);
    for (const { cases } of groups) expect(cases.some((one) => aThird.includes(one))).toBe(true);
  });

  test('is nowhere laxer than cosign, and says why where it is stricter', () => {
    for (const { name, cosign, firebreak, stricter } of allCases) {
      const accepts = firebreak === 'accepts';
      expect([name, accepts && cosign === 'refuses']).toEqual([name, false]);
      expect([name, stricter !== undefined]).toEqual([name, cosign === 'accepts' && !accepts]);
    }
  });

  test('is run whole by script/soak', () => {
    expect(soaks.find(({ name }) => name === 'images')?.amount).toBe(allCases.length);
  });

  test('has a row for each on its page, with what was seen: write it anew with test/support/write-image-matrix.ts', async () => {
    const rows = rowsOf(await readFile(page, 'utf8'));
    expect(rows.map(({ name }) => name)).toEqual(allCases.map(({ name }) => name));
    for (const [at, { cosign, firebreak, stricter = '' }] of allCases.entries()) {
      expect(rows[at]).toMatchObject({ cosign, stricter });
      expect(rows[at]?.firebreak).toContain(firebreak);
    }
  });
});
