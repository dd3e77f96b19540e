// serverless.yml loads this file, because Serverless reads .cjs and our commands are TypeScript.
require('tsx/cjs');
module.exports = require('./plugin.ts').Ops;
