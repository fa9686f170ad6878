import { chmod, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { fileStore } from '../../../activities/secrets/file.ts';
import { Secret } from '../../../domain/secret.ts';
import { promises } from '../../support/secret-store.ts';
import { temporaryDirectory } from '../../support/store-processes.ts';

const call = { signal: AbortSignal.timeout(60_000) };

describe('the file store', () => {
  promises(async () => ({
    store: fileStore('file', join(await temporaryDirectory(), 'secrets')),
    path: 'ci/deployer',
  }));

  test('is for its owner alone', async () => {
    const directory = join(await temporaryDirectory(), 'secrets');
    const store = fileStore('file', directory);
    await store.write('ci/deployer', new Secret('value'), call);
    for (const folder of [directory, join(directory, 'ci'), join(directory, 'ci/deployer')])
      expect((await stat(folder)).mode & 0o777).toBe(0o700);
    const file = join(directory, 'ci/deployer/1');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await chmod(file, 0o644);
    await expect(store.read('ci/deployer', call)).rejects.toMatchObject({ code: 'FB3404' });
  });

  test('keeps the current value and the one before it, no more', async () => {
    const directory = await temporaryDirectory();
    const store = fileStore('file', directory);
    let version = {};
    for (const value of ['a', 'b', 'c', 'd'])
      version = await store.write('x', new Secret(value), { ...call, ...version });
    const folder = join(directory, 'x');
    const sizes = (await readdir(folder))
      .toSorted()
      .map(async (file) => (await stat(join(folder, file))).size);
    expect(await Promise.all(sizes)).toEqual([0, 0, 1, 1]);
  });

  test('a draft that a killed writer left is no version', async () => {
    const directory = await temporaryDirectory();
    await mkdir(join(directory, 'x'), { mode: 0o700 });
    await writeFile(join(directory, 'x/.draft-00'), 'half a val', { mode: 0o600 });
    const store = fileStore('file', directory);
    expect(await store.read('x', call)).toBeUndefined();
    await store.write('x', new Secret('whole'), call);
    expect((await store.read('x', call))?.value.reveal()).toBe('whole');
  });

  test('follows no symbolic link to a value', async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, 'elsewhere'), 'not yours', { mode: 0o600 });
    await mkdir(join(directory, 'x'), { mode: 0o700 });
    await symlink(join(directory, 'elsewhere'), join(directory, 'x/1'));
    await expect(fileStore('file', directory).read('x', call)).rejects.toMatchObject({ code: 'FB3404' });
  });

  test.each(['../x', 'a/../../x', '/etc/passwd', 'a//b', '.hidden', 'a/.b', '', 'a/1', '12', 'ü', 'a\0b'])(
    'the path %j is refused',
    async (path) => {
      const store = fileStore('file', await temporaryDirectory());
      await expect(store.read(path, call)).rejects.toMatchObject({ code: 'FB3403' });
      await expect(store.write(path, new Secret('value'), call)).rejects.toMatchObject({ code: 'FB3403' });
    },
  );
});
