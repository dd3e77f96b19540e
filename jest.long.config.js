const { projects, ...config } = require('./jest.config.js');

/** The tests that take minutes: `npm run test:long`. */
module.exports = {
  ...config,
  projects: projects.map((project) => ({
    ...project,
    displayName: project.displayName === 'node' ? 'long' : 'long in a browser',
    testMatch: ['**/*.long.test.ts'],
    testPathIgnorePatterns: project.testPathIgnorePatterns.filter((pattern) => !pattern.includes('long')),
  })),
};
