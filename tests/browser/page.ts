import axe from 'axe-core';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

const server = process.env.BROWSER_SERVER;

/** A test that needs a browser. Where REQUIRE_BROWSER is set, as in CI, a run without one fails. */
// Skipped only where no browser starts: `npm test` must pass on a machine without one. setup.cjs prints why.
export const browserTest: jest.It = server === undefined ? test.skip : test;

export interface Tab {
  page: Page;
  /** Errors that the browser reported: of scripts, of requests, of the Content-Security-Policy. */
  problems: string[];
  close(): Promise<void>;
}

/** A new tab with a memory of its own. */
export async function openTab(): Promise<Tab> {
  const browser = await chromium.connect(server ?? '');
  const context: BrowserContext = await browser.newContext({ locale: 'en-US', viewport: { width: 1200, height: 800 } });
  // Ends what hangs, and nothing that is only slow on a busy machine.
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', ({ message }) => problems.push(message));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  return { page, problems, close: () => browser.close() };
}

/** What axe finds wrong on the page as it is now, in a line each. By default it applies all its rules. */
export async function violations(page: Page, rules?: string[]): Promise<string[]> {
  // Not as a script of the page, which its Content-Security-Policy would refuse.
  await page.evaluate(axe.source);
  const results = (await page.evaluate(
    `axe.run(${JSON.stringify(rules ? { runOnly: rules } : {})})`,
  )) as axe.AxeResults;
  return results.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
}
