// Imports go one way: schemas ← platform ← workers | control-plane | client (docs/architecture.md). The check fails on
// the first import against it, and says which rule it breaks.

const anyOf = (...folders) => `^(${folders.join('|')})/`;

module.exports = {
  forbidden: [
    {
      name: 'schemas-import-nothing',
      comment: 'schemas/ is what two processes agree on; it may not depend on any of them.',
      severity: 'error',
      from: { path: '^schemas/' },
      to: { path: anyOf('platform', 'workers', 'control-plane', 'client', 'bench', 'deploy', 'test') },
    },
    {
      name: 'platform-imports-schemas-only',
      severity: 'error',
      from: { path: '^platform/' },
      to: { path: anyOf('workers', 'control-plane', 'client', 'bench', 'deploy', 'test') },
    },
    {
      name: 'processes-do-not-import-each-other',
      comment: 'Processes talk through Kafka, Redis and HTTP, never through imports.',
      severity: 'error',
      from: { path: '^(control-plane|client|workers/[^/]+)/' },
      // the scanner is a part of the pure kernel: whoever reads events from bytes reads them with it
      to: { path: anyOf('control-plane', 'client', 'workers'), pathNot: ['^$1/', '^workers/stream/kernel/scan/'] },
    },
    {
      name: 'nobody-imports-bench-deploy-or-test',
      severity: 'error',
      from: { path: anyOf('schemas', 'platform', 'workers', 'control-plane', 'client') },
      to: { path: anyOf('bench', 'deploy', 'test') },
    },
    {
      name: 'kernel-is-pure',
      comment: 'bytes in, bytes out; no I/O, no clock, no globals: only its own folder, schemas/ and the Avro library.',
      severity: 'error',
      from: { path: '^workers/stream/kernel/' },
      to: {
        pathNot: [
          '^workers/stream/kernel/',
          '^workers/stream/slab\\.ts$',
          '^schemas/',
          '^node_modules/(avsc|@types)',
          '^(node:)?worker_threads$',
          '^(node:)?buffer$',
        ],
      },
    },
    {
      name: 'browser-code-stays-in-the-browser',
      comment: 'The client library and the page run where there is no Node.',
      severity: 'error',
      from: { path: '^client/(library/|page/(?!build))' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-dev-dependency-in-production',
      severity: 'error',
      from: { path: anyOf('schemas', 'platform', 'workers', 'control-plane', 'client'), pathNot: '^client/page/build' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: '^node_modules/@types/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|\\.toolchain|\\.mds)/' },
    parser: 'swc',
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
