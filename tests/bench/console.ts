import { chromium } from 'playwright-core';
import { page as pageFiles } from '../../packages/console/serve';
import { startService } from '../../packages/local/service';
import { packageStage } from '../../packages/local/template/package';
import { startBrowser } from '../browser/setup.cjs';
import type { Size } from './table';

const VIEWS = { full: 21, small: 1 };

/** How long a browser takes on the local service from the address to the overview with its figures, each time anew. */
export async function firstView(size: Size): Promise<string> {
  const service = await startService({ packaged: await packageStage('local') });
  const server = await startBrowser();
  try {
    const browser = await chromium.connect(server.wsEndpoint());
    const times: number[] = [];
    // The first one waits for esbuild, and for the reconciler's first run.
    for (let view = 0; view <= VIEWS[size]; view++) {
      const page = await browser.newPage({ locale: 'en-US', viewport: { width: 1440, height: 900 } });
      await page.addInitScript(`new MutationObserver(() => {
        if (document.querySelector('.figures td')) globalThis.shown ??= performance.now();
      }).observe(document, { childList: true, subtree: true })`);
      await page.goto(`${service.endpoints.api}/`);
      await page.locator('.figures td').first().waitFor();
      if (view > 0) times.push((await page.evaluate('globalThis.shown')) as number);
      await page.close();
    }
    const sorted = times.toSorted((a, b) => a - b).map(Math.round);
    const { 'page.js': js = '', 'page.css': css = '' } = await pageFiles();
    return [
      `First view of the overview: ${sorted[Math.floor(sorted.length / 2)]} ms in the middle of ${sorted.length}, at best ${sorted[0]} ms.`,
      `JavaScript ${(js.length / 1_000).toFixed(1)} kB, CSS ${(css.length / 1_000).toFixed(1)} kB, uncompressed.`,
    ].join('\n');
  } finally {
    await server.close();
    await service.stop();
  }
}
