// serverless.yml loads this file, because Serverless reads .cjs and our generators are TypeScript.
module.exports = (variables) => require('../packages/cli/compiled.cjs').generated(variables);
