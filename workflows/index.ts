/** What the worker bundles. */
export { holds } from './holds.ts';
export { incident } from './incident.ts';
