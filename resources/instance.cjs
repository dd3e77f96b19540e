// serverless.yml loads this file, because Serverless reads .cjs and our code is TypeScript.
const { stage, instance, queues } = require('../lib/cli/compiled.cjs');

module.exports = { stage, instance, queues };
