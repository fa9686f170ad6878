import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { validate as lintDockerfile } from 'dockerfile-utils';
import { parse } from 'yaml';
import { copies } from '../../support/dockerfile.ts';

/** What can be judged without a container engine: shapes, names and promises. `script/test containers` builds, where there is one. */
const root = fileURLToPath(new URL('../../..', import.meta.url));
const text = (file: string) => readFile(join(root, file), 'utf8');

interface Service {
  image?: string;
  build?: string;
  ports?: string[];
  environment?: Record<string, string | number>;
  depends_on?: Record<string, { condition: string }>;
  networks?: string[];
  secrets?: string[];
  ulimits?: Record<string, number>;
  volumes?: string[];
  healthcheck?: { test: string[] };
}
interface Compose {
  services: Record<string, Service>;
  secrets: Record<string, { environment: string }>;
  volumes: Record<string, unknown>;
  networks: Record<string, { internal?: boolean } | null>;
}

const compose: Compose = parse(await text('docker-compose.yml'));
const services = Object.entries(compose.services);

test('the compose file follows the Compose Specification', async () => {
  const schema = JSON.parse(await text('node_modules/dclint/schemas/compose.schema.json'));
  // Its formats ("duration" and the like) are Go's, not JSON Schema's.
  const ajv = new Ajv({ strict: false, validateFormats: false });
  delete schema.$schema;
  const valid = ajv.compile(schema);
  valid(compose);
  expect(valid.errors).toBeNull();
  expect(valid({ services: { a: { imagee: 'b' } } })).toBe(false);
});

test('every image is pinned to a version', () => {
  const images = services.flatMap(([, { image }]) => image ?? []);
  expect(images.length).toBeGreaterThan(4);
  for (const image of images) expect(image).toMatch(/^[a-z/-]+:\d+\.\d+[\w.-]*$/);
});

test('ports are published on this machine alone', () => {
  const ports = services.flatMap(([, { ports: published }]) => published ?? []);
  expect(ports.length).toBeGreaterThan(1);
  for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
});

test('Firebreak, which has secrets in its memory, may leave no core file', () => {
  expect(compose.services['firebreak']?.ulimits).toEqual({ core: 0 });
});

test('no secret and no default password is written down', async () => {
  for (const [name, { environment = {} }] of services) {
    for (const [key, value] of Object.entries(environment)) {
      if (/PASSWORD|PWD|SECRET|TOKEN/.test(key))
        expect([name, key, value]).toEqual([name, key, expect.stringMatching(/^\$\{\w+:\?.+\}$/)]);
    }
  }
  const example = (await text('.env.example'))
    .split('\n')
    .filter((line) => /^(?!#).*(PASSWORD|SECRET|TOKEN)/.test(line));
  expect(example.length).toBe(3);
  for (const line of example) expect(line).toMatch(/=$/);
});

test('every variable is in .env.example, and every name leads somewhere', async () => {
  const file = await text('docker-compose.yml');
  const example = await text('.env.example');
  const variables = [
    ...[...file.matchAll(/(?<!\$)\$\{(\w+)/g)].map(([, name]) => name),
    ...Object.values(compose.secrets).map(({ environment }) => environment),
  ];
  for (const name of variables) expect(example).toMatch(new RegExp(`^${name}=`, 'm'));
  for (const [, { depends_on: needs = {}, networks = [], secrets = [], volumes = [] }] of services) {
    for (const [need, { condition }] of Object.entries(needs)) {
      expect(compose.services).toHaveProperty([need]);
      if (condition === 'service_healthy') expect(compose.services[need]?.healthcheck).toBeDefined();
    }
    for (const network of networks) expect(compose.networks).toHaveProperty([network]);
    for (const secret of secrets) expect(compose.secrets).toHaveProperty([secret]);
    for (const volume of volumes) {
      const source = volume.split(':')[0] ?? '';
      if (/^[a-z]/.test(source)) expect(compose.volumes).toHaveProperty([source]);
      if (source.startsWith('./')) expect(existsSync(join(root, source))).toBe(true);
    }
  }
});

test('the database is out of reach for all but Temporal', () => {
  expect(compose.networks['database']).toEqual({ internal: true });
  const near = services.filter(([, { networks }]) => networks?.includes('database') === true);
  expect(near.map(([name]) => name)).toEqual(['postgres', 'temporal-schema', 'temporal']);
  expect(compose.services['postgres']?.ports).toBeUndefined();
});

test('the Dockerfile has no fault that its linter knows, and copies only what is there and let in', async () => {
  const dockerfile = await text('Dockerfile');
  expect(lintDockerfile(dockerfile)).toEqual([]);
  expect(lintDockerfile('FROM node\nCOPPY a b\n')).not.toEqual([]);
  for (const [, image] of dockerfile.matchAll(/^FROM (\S+)/gm)) expect(image).toMatch(/^node:24\.\d+\.\d+-/);
  expect(dockerfile).toMatch(/^USER (?!root|0$)\w+$/m);
  const allowed = (await text('.dockerignore'))
    .split('\n')
    .flatMap((line) => (line.startsWith('!') ? line.slice(1) : []));
  const sources = copies(dockerfile);
  expect(sources.length).toBeGreaterThan(10);
  for (const source of sources) {
    expect(existsSync(join(root, source))).toBe(true);
    expect(allowed).toContain(source);
  }
});
