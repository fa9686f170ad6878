import { readFileSync } from 'node:fs';
export async function planted(): Promise<string> {
  const id = crypto.randomUUID();
  setInterval(() => {}, 5);
  const key = process.env['HOME'] ?? '';
  const n = Math.random();
  const w = new WeakRef({});
  console.log(n, w);
  return readFileSync(id + key, 'utf8');
}
