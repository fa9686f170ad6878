import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MalformedError, parseManifest } from '../../../activities/images/registry/manifest.ts';

const OCI = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const DOCKER = 'application/vnd.docker.distribution.manifest.v2+json';
const LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const one = { mediaType: 'application/octet-stream', digest: `sha256:${'a'.repeat(64)}`, size: 3 };
const image = { schemaVersion: 2, mediaType: OCI, config: one, layers: [one] };
const index = { schemaVersion: 2, mediaType: INDEX, manifests: [one] };
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

test('an image and an index are read, with what says what they are', () => {
  expect(parseManifest(bytes(image), OCI)).toMatchObject({ kind: 'image', mediaType: OCI, layers: [one] });
  expect(parseManifest(bytes(index), `${INDEX}; charset=utf-8`)).toMatchObject({
    kind: 'index',
    manifests: [one],
  });
  const { mediaType: _, ...silent } = image;
  expect(parseManifest(bytes(silent), DOCKER)).toMatchObject({ kind: 'image', mediaType: DOCKER });
  expect(parseManifest(bytes({ ...index, mediaType: LIST }), 'application/json')).toMatchObject({
    mediaType: LIST,
  });
  expect(parseManifest(bytes({ ...index, manifests: null }), INDEX)).toMatchObject({ manifests: [] });
});

test.each([
  ['an image that is a list as well (CVE-2021-41190)', { ...image, manifests: [one] }, OCI, 'at once'],
  ['a list that is an image as well', { ...index, layers: [one] }, INDEX, 'at once'],
  ['a list with the layers of schema 1', { ...index, fsLayers: [] }, INDEX, 'at once'],
  ['an image served as a list', image, INDEX, 'is served as'],
  ['a list without a type, served as an image', { schemaVersion: 2, manifests: [one] }, OCI, 'at once'],
  ['neither', { ...image, mediaType: 'text/plain' }, 'text/html', 'none of an image'],
  [
    'schema 1',
    { schemaVersion: 1, fsLayers: [] },
    'application/vnd.docker.distribution.manifest.v1+json',
    'none of',
  ],
  ['another schema', { ...image, schemaVersion: 3 }, OCI, 'schemaVersion'],
  ['a key in capitals, which Go takes for the same', { ...index, Manifests: [one] }, INDEX, '"Manifests"'],
  [
    'a key of the Kelvin sign',
    `{"\u212Aind":1,"mediaType":"${OCI}","\u017Fchemaversion":2}`,
    OCI,
    'to others',
  ],
  [
    'a digest in capitals within',
    { ...index, manifests: [{ ...one, Digest: one.digest }] },
    INDEX,
    '"Digest"',
  ],
  ['two of a key', JSON.stringify(image).replace('{', '{"config":{},'), OCI, 'Duplicate'],
  ['two of a key in an escape', JSON.stringify(image).replace('{', '{"conf\\u0069g":{},'), OCI, 'Duplicate'],
  ['a mark of the order of bytes', `\u{FEFF}${JSON.stringify(image)}`, OCI, 'no JSON'],
  ['text after it', `${JSON.stringify(image)} {}`, OCI, 'no JSON'],
  ['a list', '[]', OCI, 'no JSON object'],
  ['null', 'null', OCI, 'no JSON object'],
  ['nothing', '', OCI, 'no JSON'],
  ['a negative size', { ...image, layers: [{ ...one, size: -1 }] }, OCI, 'layers.0.size'],
  ['a size that is no number', { ...image, layers: [{ ...one, size: '3' }] }, OCI, 'layers.0.size'],
  ['a digest with a path', { ...image, config: { ...one, digest: 'sha256:../../x' } }, OCI, 'config.digest'],
  ['depth', '{"a":'.repeat(100_000), OCI, 'no JSON'],
  ['depth that ends', `{"mediaType":${'['.repeat(50_000)}${']'.repeat(50_000)}}`, OCI, 'no JSON'],
])('%s is refused', (_what, document, type, words) => {
  expect(() => parseManifest(bytes(document), type)).toThrow(MalformedError);
  expect(() => parseManifest(bytes(document), type)).toThrow(words);
});

test('bytes that are no UTF-8 are refused', () => {
  expect(() => parseManifest(Buffer.from([0x7b, 0xff, 0x7d]), OCI)).toThrow(MalformedError);
});

test('annotations may have any keys', () => {
  const annotations = { Digest: 'x', layers: 'y', __proto__x: 'z' };
  const read = parseManifest(bytes({ ...image, layers: [{ ...one, annotations }] }), OCI);
  expect(read).toMatchObject({ layers: [{ annotations }] });
});

test('any JSON is a manifest or malformed', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(OCI, INDEX, ''), (value, type) => {
      const merged = typeof value === 'object' && !Array.isArray(value) ? { ...image, ...value } : value;
      try {
        expect(parseManifest(bytes(merged), type).kind).toMatch(/^(image|index)$/);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError);
      }
    }),
  );
});
