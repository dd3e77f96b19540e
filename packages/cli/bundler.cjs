// serverless.yml names this file in place of serverless-esbuild, which takes a second to load. Only some commands
// bundle.
const BUNDLING = ['package', 'deploy', 'invoke'];

module.exports = class Bundler {
  constructor(serverless, options, utils) {
    const [command] = serverless.processedInput.commands;
    if (!BUNDLING.includes(command)) return;
    const Esbuild = require('serverless-esbuild');
    const esbuild = new Esbuild(serverless, options, utils);
    const { commands, hooks, bundle } = esbuild;
    esbuild.bundle = () => {
      esbuild.buildCache = builtTogether(esbuild, serverless.service.custom.esbuild);
      return bundle();
    };
    Object.assign(this, { commands, hooks });
  }
};

/** One build reads each source once. serverless-esbuild has a build for each function, which takes three times as long. */
function builtTogether({ functionEntries, buildDirPath }, { keepOutputDirectory: _, exclude: external, ...options }) {
  const entryPoints = [...new Set(functionEntries.map(({ entry }) => entry))];
  const to = { platform: 'node', outbase: '.', outdir: buildDirPath };
  const built = require('esbuild').build({ ...options, ...to, external, entryPoints });
  // serverless-esbuild waits for it, and reports its failure.
  built.catch(() => {});
  return Object.fromEntries(entryPoints.map((entry) => [entry, { result: { rebuild: () => built } }]));
}
