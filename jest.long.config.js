const { projects, ...config } = require('./jest.config.js');

/** The tests that take minutes: `npm run test:long`. */
module.exports = {
  ...config,
  projects: projects.flatMap(({ testPathIgnorePatterns, ...project }) =>
    project.displayName === 'node' ? [{ ...project, displayName: 'long', testMatch: ['**/*.long.test.ts'] }] : [],
  ),
};
