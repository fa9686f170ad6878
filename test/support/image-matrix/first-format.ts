import { certificate, flipped, layer, logged, person, release, signature, stamped } from './altering.ts';
import type { CaseGroup } from './types.ts';

export const firstFormat: CaseGroup = {
  title: 'Altered, in the first format',
  cases: [
    {
      name: 'another payload, first format',
      make: layer(({ payload }) => ({ payload: payload.replace('"optional"', '"optional" ') }), {
        by: release,
      }),
      allowed: [release],
      cosign: 'refuses',
      firebreak: 'unknown-key',
    },
    {
      name: 'another signature, first format',
      make: layer(
        ({ annotations }) => ({
          annotations: { ...annotations, [signature]: flipped(annotations[signature] ?? '', 20) },
        }),
        { by: release },
      ),
      allowed: [release],
      cosign: 'refuses',
      firebreak: 'unknown-key',
    },
    {
      name: 'no signature, first format',
      make: layer(({ annotations }) => ({ annotations: { ...annotations, [signature]: undefined } }), {
        by: release,
      }),
      allowed: [release],
      cosign: 'refuses',
      firebreak: 'unreadable',
    },
    {
      name: 'an empty signature, first format',
      make: layer(({ annotations }) => ({ annotations: { ...annotations, [signature]: '' } }), {
        by: release,
      }),
      allowed: [release],
      cosign: 'refuses',
      firebreak: 'unreadable',
    },
    {
      name: 'a signature with a line end in it, first format',
      make: layer(
        ({ annotations }) => ({
          annotations: { ...annotations, [signature]: `${annotations[signature]}\n` },
        }),
        { by: release },
      ),
      allowed: [release],
      cosign: 'accepts',
      firebreak: 'unreadable',
      stricter: 'base64 has no line ends here',
    },
    {
      name: 'an annotation that is not known, first format',
      make: layer(({ annotations }) => ({ annotations: { ...annotations, 'shop.example/note': 'x' } }), {
        by: release,
      }),
      allowed: [release],
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'an annotation of a mebibyte, first format',
      make: layer(
        ({ annotations }) => ({
          annotations: { ...annotations, 'shop.example/note': 'x'.repeat(1024 * 1024) },
        }),
        { by: release },
      ),
      allowed: [release],
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'a certificate beside a key’s signature that is none, first format',
      make: layer(({ annotations }) => ({ annotations: { ...annotations, [certificate]: 'none' } }), {
        by: release,
      }),
      allowed: [release],
      cosign: 'refuses',
      firebreak: 'unreadable',
    },
    {
      name: 'no certificate, first format',
      make: layer(({ annotations }) => ({ annotations: { ...annotations, [certificate]: undefined } }), {
        by: person,
      }),
      allowed: [person],
      cosign: 'refuses',
      firebreak: 'unknown-key',
    },
    {
      name: 'a certificate with another before it, first format',
      make: layer(
        ({ annotations }) => ({
          annotations: {
            ...annotations,
            [certificate]: `${annotations[certificate]}${annotations[certificate]}`,
          },
        }),
        { by: person },
      ),
      allowed: [person],
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'no log entry, first format',
      make: layer(({ annotations }) => ({ annotations: { ...annotations, [logged]: undefined } }), {
        by: person,
      }),
      allowed: [person],
      cosign: 'refuses',
      firebreak: 'no-trusted-time',
    },
    {
      name: 'log entry with another time, first format',
      make: layer(
        ({ annotations }) => ({
          annotations: {
            ...annotations,
            [logged]: (annotations[logged] ?? '').replace(
              /"integratedTime":(\d+)/,
              (_all, time: string) => `"integratedTime":${Number(time) + 1}`,
            ),
          },
        }),
        { by: person },
      ),
      allowed: [person],
      cosign: 'refuses',
      firebreak: 'log-entry-invalid',
    },
    {
      name: 'log entry under payload, beside Payload, first format',
      make: layer(
        ({ annotations }) => ({
          annotations: {
            ...annotations,
            [logged]: (annotations[logged] ?? '').replace(/\}$/, ',"payload":{"integratedTime":1}}'),
          },
        }),
        { by: person },
      ),
      allowed: [person],
      cosign: 'refuses',
      firebreak: 'unreadable',
    },
    {
      name: 'log entry with a field that is not known, first format',
      make: layer(
        ({ annotations }) => ({
          annotations: {
            ...annotations,
            [logged]: (annotations[logged] ?? '').replace(/\}$/, ',"extra":1}'),
          },
        }),
        { by: person },
      ),
      allowed: [person],
      cosign: 'accepts',
      firebreak: 'unreadable',
      stricter: 'it has no fields but those that cosign writes',
    },
    {
      name: 'timestamp that is no JSON, first format',
      make: layer(({ annotations }) => ({ annotations: { ...annotations, [stamped]: '{' } }), {
        by: person,
        stamped: true,
      }),
      allowed: [person],
      stamped: true,
      cosign: 'refuses',
      firebreak: 'unreadable',
    },
    {
      name: 'no timestamp, where there was one, first format',
      make: layer(({ annotations }) => ({ annotations: { ...annotations, [stamped]: undefined } }), {
        by: person,
        stamped: true,
      }),
      allowed: [person],
      cosign: 'accepts',
      firebreak: 'accepts',
    },
  ],
};
