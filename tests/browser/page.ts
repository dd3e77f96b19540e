import axe from 'axe-core';
import { chromium, type Page } from 'playwright-core';
import { PATIENCE_MS } from '../support/patience.cjs';

const server = process.env.BROWSER_SERVER;

/** A test that needs a browser. Where REQUIRE_BROWSER is set, as in CI, a run without one fails. */
// Skipped only where no browser starts: `npm test` must pass on a machine without one. setup.cjs prints why.
export const browserTest: jest.It = server === undefined ? test.skip : test;

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

/** Closes it after the test. */
export function opens<T extends { close(): Promise<void> }>(made: T): T {
  opened.push(made);
  return made;
}

/** A new tab with a memory of its own. `problems`: of scripts, of requests, of the Content-Security-Policy. */
export async function openTab() {
  const browser = opens(await chromium.connect(server ?? ''));
  const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1200, height: 800 } });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', ({ message }) => problems.push(message));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  return { page, problems };
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
