// What serverless.yml loads: Serverless reads .cjs, our generators are TypeScript.
const { require: load } = require('tsx/cjs/api');

const bridge = load('./index.ts', __filename);
module.exports = { resources: bridge.resources, queues: bridge.queues, permissions: bridge.permissions };
