// What serverless.yml loads: Serverless reads .cjs, our commands are TypeScript.
const { require: load } = require('tsx/cjs/api');

module.exports = load('./plugin.ts', __filename).Ops;
