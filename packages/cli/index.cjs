// serverless.yml loads this file, because Serverless reads .cjs and our commands are TypeScript.
module.exports = require('./compiled.cjs').Ops;
