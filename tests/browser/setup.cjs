const { startBrowser } = require('./launch.cjs');

/** Starts one browser for all test files. Where none starts, one line says why, and the tests count as not run. */
module.exports = async () => {
  try {
    globalThis.browserServer = await startBrowser();
    process.env.BROWSER_SERVER = globalThis.browserServer.wsEndpoint();
  } catch (error) {
    const why = String(error instanceof Error ? error.message : error).split('\n')[0];
    if (process.env.REQUIRE_BROWSER) throw new Error(`The tests of the console need a browser: ${why}`);
    process.stderr.write(`The tests of the console are not run, because no browser starts: ${why}\n`);
  }
};
