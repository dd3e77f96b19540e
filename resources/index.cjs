// serverless.yml loads this file, because Serverless reads .cjs and our generators are TypeScript.
const { require: load } = require('tsx/cjs/api');

const bridge = load('./index.ts', __filename);
const { stage, instance, queues, environment, permissions, resources } = bridge;
module.exports = { stage, instance, queues, environment, permissions, resources };
