const { availableParallelism } = require('node:os');
const { PATIENCE_MS } = require('./tests/support/patience.cjs');

/** What all tests have in common. */
const common = {
  testEnvironment: 'node',
  runtime: '<rootDir>/tests/support/runtime.cjs',
  // A module looks these up as its own variables. A look-up in Jest's global object takes so long that zod, which reads
  // every row, was three times slower.
  sandboxInjectedGlobals: [
    'Array',
    'Error',
    'JSON',
    'Map',
    'Math',
    'Number',
    'Object',
    'Promise',
    'Set',
    'String',
    'Symbol',
  ],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2024' },
        module: { type: 'commonjs', ignoreDynamic: true },
        sourceMaps: 'inline',
      },
    ],
  },
  // The same two replacements that esbuild makes in the functions' bundles (serverless.yml, custom.esbuild.alias).
  moduleNameMapper: {
    // As in tsconfig.json.
    '^background-jobs-producer$': '<rootDir>/packages/producer/index.ts',
    '^@sendgrid/client$': '<rootDir>/lib/mail/sendgrid-client.ts',
    '^cross-fetch$': '<rootDir>/lib/platform/native-fetch.ts',
    // Each test file would load zod's messages in sixty languages.
    '^\\.\\./locales/index\\.cjs$': 'zod/v4/locales/en.cjs',
  },
};

/** @type {import('jest').Config} */
module.exports = {
  // One more than cores: some files wait for processes of their own, and on two cores Jest would run one at a time.
  maxWorkers: availableParallelism() + 1,
  // Ends what hangs, and nothing that is only slow on a busy machine.
  testTimeout: 2 * PATIENCE_MS,
  ...(process.env.SQS_CONFORMANCE && { reporters: ['default', '<rootDir>/tests/support/assumptions.cjs'] }),
  testSequencer: '<rootDir>/tests/support/slow-first.cjs',
  globalSetup: '<rootDir>/tests/support/global-setup.cjs',
  globalTeardown: '<rootDir>/tests/support/global-teardown.cjs',
  projects: [
    {
      ...common,
      displayName: 'node',
      roots: ['<rootDir>/tests'],
      testMatch: ['**/*.test.ts'],
      // jest.long.config.js runs the second ones.
      testPathIgnorePatterns: ['/tests/browser/', '\\.long\\.test\\.ts$'],
    },
    {
      ...common,
      displayName: 'browser',
      roots: ['<rootDir>/tests/browser'],
      testMatch: ['**/*.test.ts'],
      testPathIgnorePatterns: ['\\.long\\.test\\.ts$'],
      globalSetup: '<rootDir>/tests/browser/setup.cjs',
      globalTeardown: '<rootDir>/tests/browser/teardown.cjs',
    },
  ],
};
