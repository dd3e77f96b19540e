const { chromium } = require('playwright-core');

/** On Linux x64 a package carries Chromium. Elsewhere an installed Chrome is used. */
const carried = process.platform === 'linux' && process.arch === 'x64';

/**
 * Starts a browser that others connect to. Its own rules for origins stay on, so the arguments that the package proposes
 * are not used: one of them switches these rules off.
 */
exports.startBrowser = async () => {
  if (!carried) return chromium.launchServer({ channel: 'chrome', headless: true });
  const { default: sparticuz } = await import('@sparticuz/chromium');
  return chromium.launchServer({
    executablePath: await sparticuz.executablePath(),
    args: ['--no-sandbox', '--disable-setuid-sandbox', '--use-gl=angle', '--use-angle=swiftshader'],
    headless: true,
  });
};
