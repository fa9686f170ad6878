import { execFile } from 'node:child_process';
import { type KeyObject } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binary } from './binaries.ts';

/** How a program ended. */
export interface Run {
  ok: boolean;
  stdout: string;
  stderr: string;
}

/** A key pair in files: the private one as cosign keeps it, without a passphrase. */
export interface CosignKey {
  privateFile: string;
  publicFile: string;
  /** Of the public key. */
  pem: string;
}

export interface Cosign {
  /** A folder of its own, which {@link Cosign.close} removes. */
  dir: string;
  /** Runs it, whatever comes of it. @param more of its environment: it has no home, no credentials and no settings but these. */
  run(args: readonly string[], more?: Readonly<Record<string, string>>): Promise<Run>;
  /** Runs it. @throws with what it said, when it fails */
  must(args: readonly string[], more?: Readonly<Record<string, string>>): Promise<string>;
  importKey(name: string, privateKey: KeyObject): Promise<CosignKey>;
  /** Writes a file into its folder. @returns its path */
  file(name: string, content: string | Uint8Array): Promise<string>;
  close(): Promise<void>;
}

const LIMIT_MS = 60_000;
const MAX_OUTPUT = 16 * 1024 * 1024;

/** The real cosign. Names of services that it would ask by itself lead nowhere: a test that forgets to name its own fails. */
export async function openCosign(): Promise<Cosign> {
  const [command, dir] = await Promise.all([binary('cosign'), mkdtemp(join(tmpdir(), 'firebreak-cosign-'))]);
  const env = { HOME: dir, PATH: '', COSIGN_PASSWORD: '', COSIGN_YES: 'true' };

  function run(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Run> {
    return new Promise((resolve, reject) => {
      const options = { cwd: dir, env: { ...env, ...more }, timeout: LIMIT_MS, maxBuffer: MAX_OUTPUT };
      execFile(command, args, options, (error, stdout, stderr) => {
        // Only a program that ended by itself has said anything.
        if (error !== null && typeof error.code !== 'number') reject(error);
        else resolve({ ok: error === null, stdout, stderr });
      });
    });
  }
  const cosign: Cosign = {
    dir,
    run,
    async must(args, more) {
      const { ok, stdout, stderr } = await run(args, more);
      if (!ok) throw new Error(`cosign ${args.join(' ')} fails: ${stderr.trim().slice(-1_000)}`);
      return stdout;
    },
    async importKey(name, privateKey) {
      const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
      const source = join(dir, `${name}.pem`);
      await writeFile(source, pem, { mode: 0o600 });
      await cosign.must(['import-key-pair', '--key', source, '--output-key-prefix', join(dir, name)]);
      const publicFile = join(dir, `${name}.pub`);
      return {
        privateFile: join(dir, `${name}.key`),
        publicFile,
        pem: await readFile(publicFile, 'utf8'),
      };
    },
    async file(name, content) {
      const path = join(dir, name);
      await writeFile(path, content);
      return path;
    },
    close: () => rm(dir, { recursive: true, force: true }),
  };
  return cosign;
}
