export { Grep } from '../../testbed/grep.ts';
