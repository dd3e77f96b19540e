// serverless.yml loads this file, because Serverless reads .cjs and our generators are TypeScript.
const { require: load } = require('tsx/cjs/api');

const { stage, instance, queues, environment } = load('./index.ts', __filename);
const { commands } = load('../lib/cli/commands.ts', __filename);

// Serverless resolves all of serverless.yml for every command. Most of ours need the names and settings only, and no
// template, which takes half a second. `sls producer` reads a parameter of the template.
const [, , word = ''] = process.argv;
const withoutTemplate = word in commands && word !== 'producer';
const stack = () => load('./stack.ts', __filename);

const none = async () => Object.fromEntries(functions().map((name) => [name, []]));
const functions = () => Object.keys(load('../lib/config/functions.ts', __filename).environmentSchemas);

module.exports = {
  ...{ stage, instance, queues, environment },
  permissions: (variables) => (withoutTemplate ? none() : stack().permissions(variables)),
  resources: async (variables) => (withoutTemplate ? { Resources: {} } : stack().resources(variables)),
};
