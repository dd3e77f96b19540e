/** The tests run on Lambda's own Node line, whatever the machine has: `node` is a devDependency that npm puts first. */
module.exports = () => {
  if (!process.versions.node.startsWith('24.'))
    throw new Error(
      `The tests need Node 24 (Lambda's nodejs24.x), this is ${process.version}. Run them by "npm test" after "npm ci" with install scripts allowed.`,
    );
};
