// serverless.yml names this file in place of serverless-esbuild, which takes a second to load. Only some commands bundle.
const BUNDLING = ['package', 'deploy', 'invoke'];

module.exports = process.argv.some((word) => BUNDLING.includes(word)) ? require('serverless-esbuild') : class {};
