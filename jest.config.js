/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/tests'],
  testMatch: ['**/*.test.ts'],
  globalSetup: '<rootDir>/tests/support/global-setup.cjs',
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
    '^@sendgrid/client$': '<rootDir>/lib/vendors/sendgrid-client.ts',
    '^cross-fetch$': '<rootDir>/lib/vendors/native-fetch.ts',
  },
};
