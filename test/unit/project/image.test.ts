import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { copies } from '../../support/dockerfile.ts';

/** The image's file set, made without a container engine: what the Dockerfile copies, with production dependencies alone. */
const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));
let image: string;

interface Package {
  dev?: boolean;
  optional?: boolean;
}

beforeAll(async () => {
  image = await mkdtemp(join(tmpdir(), 'firebreak-image-'));
  const dockerfile = await readFile(join(root, 'Dockerfile'), 'utf8');
  const left = (await readFile(join(root, '.dockerignore'), 'utf8'))
    .split('\n')
    .filter((line) => /^[a-z]/.test(line))
    .map((line) => join(root, line));
  for (const source of new Set(copies(dockerfile))) {
    await cp(join(root, source), join(image, source), {
      recursive: true,
      filter: (path) => !left.includes(path),
    });
  }
  const lock: { packages: Record<string, Package> } = JSON.parse(
    await readFile(join(root, 'package-lock.json'), 'utf8'),
  );
  const production = Object.entries(lock.packages)
    .filter(([path, { dev = false }]) => path !== '' && !dev && !path.includes('/node-linux-'))
    .map(([path, { optional = false }]) => ({ path, optional }));
  for (const { path, optional } of production) {
    // Optional packages are those of other systems.
    if (optional && !existsSync(join(root, path))) continue;
    // Nested packages are copied on their own account, so that those of development stay out.
    const filter = (file: string) => !file.slice(join(root, path).length).startsWith('/node_modules');
    await cp(join(root, path), join(image, path), { recursive: true, filter });
  }
}, 180_000);
afterAll(() => rm(image, { recursive: true, force: true }));

const firebreak = (...args: string[]) =>
  run(process.execPath, ['cli/bin.mjs', ...args], {
    cwd: image,
    env: { PATH: dirname(process.execPath), NODE_ENV: 'production' },
  });

test('the command starts and lists its actions', async () => {
  expect((await firebreak('--help')).stdout).toContain('Usage: firebreak');
  expect((await firebreak('action', 'list')).stdout).toContain('kubernetes.quarantine-namespace');
}, 60_000);

test('the workflows can be bundled', async () => {
  const code =
    "import { bundleWorkflows } from './worker/bundle.ts'; console.log((await bundleWorkflows()).digest);";
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', code], { cwd: image });
  expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
}, 120_000);

test('everything that `firebreak up` loads is there', async () => {
  const code =
    "await import('./worker/up.ts'); await import('./audit/verify.ts'); console.log('loaded'); process.exit();";
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', code], { cwd: image });
  expect(stdout).toBe('loaded\n');
}, 60_000);
