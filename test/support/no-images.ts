import { createImageAssessor } from '../../activities/images/assess.ts';
import { noPolicy } from '../../activities/images/in-force.ts';
import { createRegistryClient } from '../../activities/images/registry/client.ts';
import type { ImageAssessor } from '../../domain/image.ts';

/** As it is where no policy is configured: it judges nothing. */
export const noImages: ImageAssessor = createImageAssessor({
  client: createRegistryClient({ registries: [] }),
  policy: noPolicy,
});
