// serverless.yml loads this file, because Serverless reads .cjs and our generators are TypeScript.
const {
  stage,
  instance,
  queues,
  environment,
  commands,
  environmentSchemas,
  stack,
} = require('../lib/cli/compiled.cjs');

// Serverless resolves all of serverless.yml for every command. Ours need the names and settings only, and no template, which
// takes half a second.
const [, , word = ''] = process.argv;
const withoutTemplate = Object.keys(commands).some((name) => name.split(' ')[0] === word);

const none = async () => Object.fromEntries(Object.keys(environmentSchemas).map((name) => [name, []]));

module.exports = {
  ...{ stage, instance, queues, environment },
  permissions: (variables) => (withoutTemplate ? none() : stack().permissions(variables)),
  resources: async (variables) => (withoutTemplate ? { Resources: {} } : stack().resources(variables)),
};
