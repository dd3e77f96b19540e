const { existsSync, mkdtempSync, renameSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { chromium } = require('playwright-core');
const { version } = require('../../node_modules/@sparticuz/chromium/package.json');
const { PATIENCE_MS } = require('../support/patience.cjs');

/** On Linux x64 a package carries Chromium. Elsewhere an installed Chrome is used. */
const carried = process.platform === 'linux' && process.arch === 'x64';

/**
 * The package unpacks Chromium into the temporary folder, and takes any file that is there for the whole. So it unpacks into
 * a folder that is moved to its place afterwards: no run finds what another one, or one that was ended, has half unpacked.
 */
async function carriedChromium() {
  const { default: sparticuz } = await import('@sparticuz/chromium');
  const tmp = tmpdir();
  const place = join(tmp, `chromium-${version}`);
  if (!existsSync(place)) {
    const made = mkdtempSync(`${place}-`);
    process.env.TMPDIR = made;
    await sparticuz.executablePath();
    process.env.TMPDIR = tmp;
    try {
      renameSync(made, place);
    } catch {
      // Another run was first.
      rmSync(made, { recursive: true });
    }
  }
  return join(place, 'chromium');
}

/**
 * Starts a browser that others connect to. Its own rules for origins stay on, so the arguments that the package proposes
 * are not used: one of them switches these rules off.
 */
async function startBrowser() {
  const options = { headless: true, timeout: PATIENCE_MS };
  if (!carried) return chromium.launchServer({ ...options, channel: 'chrome' });
  return chromium.launchServer({
    ...options,
    executablePath: await carriedChromium(),
    args: ['--no-sandbox', '--disable-setuid-sandbox', '--use-gl=angle', '--use-angle=swiftshader'],
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
