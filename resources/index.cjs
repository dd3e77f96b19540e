// serverless.yml loads this file, because Serverless reads .cjs and our generators are TypeScript.
const { require: load } = require('tsx/cjs/api');

const bridge = load('./index.ts', __filename);
module.exports = { resources: bridge.resources, queues: bridge.queues, permissions: bridge.permissions };
