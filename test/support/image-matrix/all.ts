import { altered } from './altered.ts';
import { attestations } from './attestations.ts';
import { contents } from './contents.ts';
import { firstFormat } from './first-format.ts';
import { identities } from './identities.ts';
import { keyless } from './keyless.ts';
import { keys } from './keys.ts';
import { logs } from './logs.ts';
import { forms } from './forms.ts';
import { many } from './many.ts';
import { payloads } from './payloads.ts';
import { places } from './places.ts';
import { policies } from './policies.ts';
import { registries } from './registries.ts';
import type { CaseGroup, ImageCase } from './types.ts';

export const groups: readonly CaseGroup[] = [
  keys,
  keyless,
  identities,
  places,
  contents,
  payloads,
  forms,
  altered,
  firstFormat,
  logs,
  many,
  attestations,
  policies,
  registries,
];

export const allCases: readonly ImageCase[] = groups.flatMap(({ cases }) => cases);

/** The first of each three of each group: always the same, and some of each. */
export const aThird: readonly ImageCase[] = groups.flatMap(({ cases }) =>
  cases.filter((_one, at) => at % 3 === 0),
);
