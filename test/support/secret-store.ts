import { expect, test } from '@jest/globals';
import { Secret, type SecretStore } from '../../domain/secret.ts';

/** A store under test, and a way to write past it, as another program would. */
interface StoreUnderTest {
  store: SecretStore;
  /** A path where nothing is. */
  path: string;
}

const call = () => ({ signal: AbortSignal.timeout(30_000) });

/** What every store promises (domain/secret.ts). `open` is called for each test. */
export function promises(open: () => Promise<StoreUnderTest>): void {
  test('nothing is there at first; what is written is read', async () => {
    const { store, path } = await open();
    expect(await store.read(path, call())).toBeUndefined();
    expect(await store.previous(path, call())).toBeUndefined();
    const { version } = await store.write(path, new Secret('first välue "\\\n'), call());
    const read = await store.read(path, call());
    expect(read?.value.reveal()).toBe('first välue "\\\n');
    expect(read?.version).toBe(version);
  });

  test('a write at the version that was read replaces it, and keeps what was there', async () => {
    const { store, path } = await open();
    const first = await store.write(path, new Secret('first'), call());
    const second = await store.write(path, new Secret('second'), {
      ...call(),
      ...first,
      keepPrevious: true,
    });
    expect(second.version).not.toBe(first.version);
    expect((await store.read(path, call()))?.value.reveal()).toBe('second');
    expect((await store.previous(path, call()))?.reveal()).toBe('first');
  });

  test('the same call again, after its answer was lost, is success and writes nothing', async () => {
    const { store, path } = await open();
    const created = await store.write(path, new Secret('first'), call());
    expect(await store.write(path, new Secret('first'), call())).toEqual(created);
    const written = await store.write(path, new Secret('second'), { ...call(), ...created });
    expect(await store.write(path, new Secret('second'), { ...call(), ...created })).toEqual(written);
  });

  test('what somebody else wrote meanwhile is never overwritten', async () => {
    const { store, path } = await open();
    const mine = await store.write(path, new Secret('first'), call());
    const theirs = await store.write(path, new Secret('theirs'), { ...call(), ...mine });
    const refused = { code: 'FB3402' };
    await expect(
      store.write(path, new Secret('mine'), { ...call(), version: mine.version }),
    ).rejects.toMatchObject(refused);
    await expect(store.write(path, new Secret('mine'), call())).rejects.toMatchObject(refused);
    expect(await store.read(path, call())).toMatchObject(theirs);
    expect((await store.read(path, call()))?.value.reveal()).toBe('theirs');
  });

  test('nothing is written over what has gone', async () => {
    const { store, path } = await open();
    await expect(store.write(path, new Secret('late'), { ...call(), version: '17' })).rejects.toMatchObject({
      code: 'FB3402',
    });
    expect(await store.read(path, call())).toBeUndefined();
  });

  test('of many who write at once, one succeeds', async () => {
    const { store, path } = await open();
    const { version } = await store.write(path, new Secret('base'), call());
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, at) =>
        store.write(path, new Secret(`value ${at}`), { ...call(), version }),
      ),
    );
    const won = results.flatMap((result, at) => (result.status === 'fulfilled' ? [at] : []));
    expect(won).toHaveLength(1);
    expect((await store.read(path, call()))?.value.reveal()).toBe(`value ${won[0]}`);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'FB3402' });
  });

  test('neither a description nor an error shows a value', async () => {
    const { store, path } = await open();
    await store.write(path, new Secret('s3cret-value-one'), call());
    const error: unknown = await store
      .write(path, new Secret('s3cret-value-two'), { ...call(), version: '0' })
      .catch((reason: unknown) => reason);
    const said = `${String(error)} ${JSON.stringify(error)} ${store.describe(path)}`;
    expect(said).not.toContain('s3cret-value');
  });
}
