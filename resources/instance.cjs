// serverless.yml loads this file, because Serverless reads .cjs and our code is TypeScript.
require('tsx/cjs');
const { stage, instance, queues, generated } = require('./instance.ts');

/** Serverless resolves this first. It would wrap the problems of an instance's file into three lines of its own. */
const stageOrEnd = (variables) =>
  stage(variables).catch((error) => {
    if (error.name !== 'InstanceProblems') throw error;
    process.stderr.write(`Error:\n${error.message}\n`);
    process.exit(1);
  });

module.exports = { stage: stageOrEnd, instance, queues, generated };
