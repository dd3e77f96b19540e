// serverless.yml names this file in place of serverless-esbuild, which takes a second to load. Only some commands
// bundle.
const BUNDLING = ['package', 'deploy', 'invoke'];

module.exports = class Bundler {
  constructor(serverless, options, utils) {
    const [command] = serverless.processedInput.commands;
    if (!BUNDLING.includes(command)) return;
    const Esbuild = require('serverless-esbuild');
    const { commands, hooks } = new Esbuild(serverless, options, utils);
    Object.assign(this, { commands, hooks });
  }
};
