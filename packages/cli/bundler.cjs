const { readFile } = require('node:fs/promises');

// serverless.yml names this file in place of serverless-esbuild, which takes a second to load. Only some commands
// bundle.
const BUNDLING = ['package', 'deploy', 'invoke'];

/** Says that a file comes from no file. */
const NO_SOURCE = Buffer.from('{"version":3,"sources":[""],"mappings":"AAAA"}').toString('base64');

/** Leaves libraries out of the source maps, which would be five times as large. The code stays as it is. */
const withoutLibraries = {
  name: 'without libraries',
  setup: ({ onLoad }) =>
    onLoad({ filter: /node_modules.*\.[cm]?js$/ }, async ({ path }) => {
      const code = await readFile(path, 'utf8');
      return { contents: `${code}\n//# sourceMappingURL=data:application/json;base64,${NO_SOURCE}`, loader: 'js' };
    }),
};

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
  const built = require('esbuild').build({ ...options, ...to, external, entryPoints, plugins: [withoutLibraries] });
  // serverless-esbuild waits for it, and reports its failure.
  built.catch(() => {});
  return Object.fromEntries(entryPoints.map((entry) => [entry, { result: { rebuild: () => built } }]));
}
