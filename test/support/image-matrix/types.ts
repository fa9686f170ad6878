import type { Digest } from '../../../domain/json.ts';
import type { ImageReasonCode } from '../../../domain/image.ts';
import type { Workshop } from './workshop.ts';

export const keyNames = ['release', 'other', 'p384', 'p521', 'ed25519', 'rsa'] as const;
export type KeyName = (typeof keyNames)[number];

/** Who signs, or who may. An identity's issuer is the one that vouches for such identities here, unless another is named. */
export type Who = { key: KeyName } | { identity: string; issuer?: string };

/** How cosign is asked the same as a policy asks. */
export interface Ask {
  /** `verify`, unless it is an attestation that is asked for. */
  attestation?: { type: string; builder?: string; source?: string };
  /** Any one of them. */
  by: readonly Who[];
  /** What is beside a key's signature is looked at by cosign only when it is told to; of a certificate's, the log always is. */
  log?: boolean;
  stamped?: boolean;
}

/** What is asked about: a digest, or a tag, of the repository that the workshop is for. */
export type Made = Digest | { tag: string } | { digest: Digest; repository: string };

/** One image, what was done to it, and what is to be said of it. */
export interface ImageCase {
  /** Unique among all cases, and the first column of docs/reference/image-matrix.md. */
  name: string;
  make(work: Workshop): Promise<Made>;
  /** Whom the policy lets sign; cosign is asked for each. */
  allowed: readonly Who[];
  log?: boolean;
  stamped?: boolean;
  /** What the policy wants attested. */
  attestations?: readonly Attested[];
  /** What else the policy says, with what `make` made. */
  policy?: (digest: Digest, work: Workshop) => object;
  /** The registry is asked through `work.front`. */
  fronted?: boolean;
  cosign: 'accepts' | 'refuses';
  /** One of the reasons given, `FB3804` and so on for an error, or that it is acceptable. */
  firebreak: 'accepts' | ImageReasonCode | `FB${number}`;
  /** Why Firebreak refuses what cosign accepts. */
  stricter?: string;
}

export interface Attested {
  /** As cosign calls it. */
  type: string;
  predicateTypes: readonly string[];
  builder?: string;
  source?: string;
  /** By default, whoever may sign. */
  by?: readonly Who[];
}

/** What both said. */
export interface Observed {
  cosign: 'accepts' | 'refuses';
  /** `accepts`, or the codes of the reasons. */
  firebreak: string[];
  /** For a person, when it is not as expected. */
  said: string;
}

export interface CaseGroup {
  title: string;
  cases: readonly ImageCase[];
}
