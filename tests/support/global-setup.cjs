const { mkdtempSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

module.exports = () => {
  // The tests need the Node version of Lambda. A package of the platform puts it first in the path of npm scripts.
  if (!process.versions.node.startsWith('24.'))
    throw new Error(
      `The tests need Node 24 (Lambda's nodejs24.x), this is ${process.version}. Run them by "npm test" after "npm ci" with install scripts allowed.`,
    );
  // The directory in which test files share the output of `sls package` (tests/support/packages.ts).
  process.env.PACKAGES = mkdtempSync(join(tmpdir(), 'packages-'));
};
