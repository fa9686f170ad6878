/**
 * The layer rule: which room may import what (docs/decisions/0009-rooms-and-layers.md). Types count: a type drawn from above is a
 * dependency too. Whatever a room is not allowed here is forbidden.
 */
const contract = '^workflows/contract[.]ts$';
const allowed = {
  domain: [],
  'language/run': ['^domain/'],
  'language/compile': ['^domain/', '^language/run/'],
  stores: ['^domain/'],
  activities: ['^domain/', contract],
  workflows: ['^domain/', '^language/run/'],
  gateway: ['^domain/', '^language/', '^stores/', contract],
  audit: ['^domain/', '^language/run/', '^stores/', '^workflows/'],
  worker: ['^(domain|language|stores|activities|workflows|gateway|audit)/', '^testbed/temporal[.]ts$'],
  cli: ['^(domain|language|stores|activities|workflows|gateway|audit|worker|testbed)/'],
  testbed: [],
};
const rooms = '^(domain|language|stores|activities|workflows|gateway|audit|worker|cli|testbed|test)/';
const configFiles = '[.](mjs|cjs)$';

const layers = Object.entries(allowed).map(([room, targets]) => ({
  name: `layers-${room.replace('/', '-')}`,
  comment:
    targets.length === 0 ? `${room} imports no other room` : `${room} imports only ${targets.join(', ')}`,
  severity: 'error',
  // The demo drives everything, as a person would: it stands above the rooms.
  from: { path: `^${room}/`, pathNot: '^testbed/demo/' },
  to: { path: rooms, pathNot: [`^${room}/`, ...targets] },
}));

export default {
  forbidden: [
    ...layers,
    {
      name: 'workflows-deterministic',
      comment: 'what a workflow bundles is replayed in a sandbox: no Node API; types of one are harmless',
      severity: 'error',
      from: { path: '^(workflows|domain|language/run)/' },
      to: { dependencyTypes: ['core'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'workflows-without-zod',
      comment: 'zod doubles the memory of a cached workflow: validate outside',
      severity: 'error',
      from: { path: '^(workflows|domain|language/run)/' },
      to: { path: 'node_modules/zod/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'workflows-sdk-only',
      comment:
        'a workflow reaches the world through activities: of Temporal it imports the workflow package alone',
      severity: 'error',
      from: { path: '^workflows/' },
      to: { path: 'node_modules/@temporalio/(client|worker|activity|testing)/' },
    },
    {
      name: 'no-cycles',
      comment: 'files that import each other cannot be understood, or tested, apart',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-orphans',
      comment: 'nothing imports this file, and it imports nothing',
      severity: 'error',
      from: { orphan: true, pathNot: configFiles },
      to: {},
    },
    {
      name: 'no-unresolved',
      comment: 'the import leads nowhere',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'production-dependencies-only',
      comment: 'what runs in production is in "dependencies": the image is built with --omit=dev',
      severity: 'error',
      from: { path: '^(domain|language|stores|activities|workflows|gateway|audit|worker|cli)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
