const { chromium } = require('playwright-core');

/** On Linux x64 a package carries Chromium. Elsewhere an installed Chrome is used. */
const carried = process.platform === 'linux' && process.arch === 'x64';

/**
 * Starts a browser that others connect to. Its own rules for origins stay on, so the arguments that the package proposes
 * are not used: one of them switches these rules off.
 */
async function startBrowser() {
  if (!carried) return chromium.launchServer({ channel: 'chrome', headless: true });
  const { default: sparticuz } = await import('@sparticuz/chromium');
  return chromium.launchServer({
    executablePath: await sparticuz.executablePath(),
    args: ['--no-sandbox', '--disable-setuid-sandbox', '--use-gl=angle', '--use-angle=swiftshader'],
    headless: true,
  });
}

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
module.exports.startBrowser = startBrowser;
