// serverless.yml loads this file, because Serverless reads .cjs and our commands are TypeScript.
const { require: load } = require('tsx/cjs/api');

module.exports = load('./plugin.ts', __filename).Ops;
