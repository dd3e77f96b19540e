const { mkdtempSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

module.exports = () => {
  // The tests run on Lambda's own Node line, whatever the machine has: `node` is a devDependency that npm puts first.
  if (!process.versions.node.startsWith('24.'))
    throw new Error(
      `The tests need Node 24 (Lambda's nodejs24.x), this is ${process.version}. Run them by "npm test" after "npm ci" with install scripts allowed.`,
    );
  // Where the test files share what `sls package` makes (tests/support/packages.ts).
  process.env.PACKAGES = mkdtempSync(join(tmpdir(), 'packages-'));
};
