import { pauseQueue } from '../../lib/operate/ops/pause';
import { PermanentError } from '../../lib/platform/errors';
import type { Objects } from '../../lib/platform/ports';
import { countsKey, HOUR_MS, hourStart, partKey } from '../../lib/queues/analytics/keys';
import { anEvent, putOriginal } from '../support/analytics';
import { testedConsole } from '../support/console';
import { memoryDeployment } from '../support/deployment';
import { envelope, jobId, PREFIX } from '../support/engine';
import { rejects, sampleEngine } from '../support/sample-contract';
import { browserTest, opens, openTab, violations } from './page';

const MARKUP = '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">';

/** A console of production over two dead jobs, whose errors hold markup. */
async function aConsole(options: Parameters<typeof testedConsole>[1]) {
  const { engine } = sampleEngine(() => {
    throw new PermanentError({ code: 'Rejected', message: MARKUP });
  });
  for (const n of [1, 2]) engine.send(envelope(n, { correlationid: MARKUP, data: { name: `person ${n}` } }));
  await engine.deliver();
  const time = new Date(engine.clock.now()).toISOString();
  const events = [anEvent(1, { time }), anEvent(2, { time, user: 'someone@example.com' })];
  await putOriginal(engine.objects, events, { time });
  await putWrittenHours(engine.objects, hourStart(engine.clock.now()));
  const { deployment, metrics } = memoryDeployment(engine);
  for (const name of ['EventsAccepted', 'EventsRejected', 'TimeToStore'])
    metrics.set(name, [{ at: engine.clock.now() - 60_000, value: 1 }]);
  return opens(await testedConsole(engine, { deployment, ...options }));
}

/** Two written hours, of which one is counted. More names than a page shows have one event, and two events have others. */
async function putWrittenHours(objects: Objects, end: number): Promise<void> {
  for (const hour of [end - 2 * HOUR_MS, end - HOUR_MS])
    await objects.put(partKey(PREFIX, { hour, part: 0, of: 1 }), '', 'application/octet-stream');
  const names = Array.from({ length: 53 }, (_, n) => [`name-${n}`, 1]);
  const counts = { parts: 1, events: 55, users: 7, names, others: 2, rejected: [['must be a text', 4]] };
  await objects.put(countsKey(PREFIX, end - HOUR_MS), JSON.stringify(counts), 'application/json');
}

/** A tab on a path of a console, which it entered by the printed address. */
async function aTabOn(path: string, options: Parameters<typeof testedConsole>[1] = {}) {
  const made = await aConsole(options);
  const { page, problems } = await openTab();
  await page.goto(made.url);
  await page.getByRole('heading', { level: 1 }).waitFor();
  const go = (to: string) => page.goto(`http://${made.host}${to}`);
  await go(path);
  return { ...made, page, problems, go };
}
const shortId = `…${jobId(1).slice(-8)}`;
const job = `/console/job?queue=sample&id=${jobId(1)}`;

browserTest('the token opens each page and leaves the address. Without it, nothing is shown', async () => {
  const { page, problems, token, host } = await aTabOn('/console/jobs?state=dead');

  await page.getByRole('link', { name: jobId(1) }).waitFor();
  expect([page.url().includes(token), await page.title()]).toEqual([false, 'Dead jobs · acme']);
  expect(problems).toEqual([]);
  const { page: other } = await openTab();
  await other.goto(`http://${host}${job}`);
  expect(await other.getByRole('alert').textContent()).toMatch(/token/);
  expect(await other.content()).not.toContain('acme');
});

browserTest('markup is shown as text, and no script of it runs, even if it reached the page', async () => {
  const { page, problems, go } = await aTabOn('/');

  for (const path of [job, '/console/dead', `/console/jobs?q=${encodeURIComponent(MARKUP)}`]) {
    await go(path);
    await page.getByText('<script>').first().or(page.locator('.found')).first().waitFor();
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    expect(await page.locator('img, main script').count()).toBe(0);
  }
  expect(problems).toEqual([]);
  await page.evaluate(`
    document.body.insertAdjacentHTML('beforeend', ${JSON.stringify(MARKUP)});
    const script = document.createElement('script');
    script.textContent = 'window.hacked = 1';
    document.body.append(script);
    new Promise(requestAnimationFrame)`);
  expect(await page.evaluate('window.hacked')).toBeUndefined();
});

browserTest('production has a red line on top, and an action needs a reason', async () => {
  const { page, problems } = await aTabOn(job, { write: true });

  await page.getByRole('button', { name: 'Retry' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('npx sls jobs retry').waitFor();
  const confirm = dialog.getByRole('button', { name: 'Retry' });

  expect(await page.evaluate("getComputedStyle(document.querySelector('.production')).borderTopWidth")).toBe('3px');
  expect(await confirm.isDisabled()).toBe(true);
  await dialog.getByLabel('Reason').fill('the cause is fixed');
  await confirm.click();
  await page.getByText('sent as message').waitFor();
  expect(problems).toEqual([]);
});

browserTest(
  'a console that only reads has no button that acts. The keyboard opens and closes its question',
  async () => {
    const { page } = await aTabOn(job);

    await page.getByRole('button', { name: 'Retry' }).focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByText('npx sls jobs retry').waitFor();
    const buttons = dialog.getByRole('button').evaluateAll((all) => all.map((one) => one.ariaLabel ?? one.textContent));
    expect(await buttons).toEqual(['Copy the command', 'Close']);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await page.keyboard.press('?');
    await page.getByText('goes to the search').waitFor();
  },
);

browserTest('the overview asks for its figures beside the session, and the line on top for nothing more', async () => {
  const { page, go } = await aTabOn('/console/people');
  // The page before asks too, so it is gone before anything counts.
  await page.goto('about:blank');
  const asked: string[] = [];
  page.on('request', (request) => asked.push(...request.url().split('/console/api/').slice(1)));
  const figures = page.waitForRequest('**/console/api/overview');
  await page.route('**/console/api/session', async (route) => {
    await figures;
    await route.continue();
  });

  await go('/');
  await page.getByRole('banner').getByText('problem').waitFor();
  await page.getByText('No campaign is under way.').waitFor();
  expect(asked.sort()).toEqual(['campaigns?open=yes', 'overview', 'session']);

  const health = page.waitForRequest('**/console/api/health');
  await page.getByRole('link', { name: 'People' }).click();
  expect(await page.getByRole('banner').getByText('problem').isVisible()).toBe(true);
  await health;
});

browserTest('pages change without a load, and back, forward and the keys work', async () => {
  const { page, problems } = await aTabOn('/console/jobs', { write: true });
  await page.evaluate('window.loaded = 1');
  const first = page.getByRole('link', { name: jobId(2) });
  await first.waitFor();

  // As on a busy machine: no frame is drawn between the keys.
  await page.evaluate(`(async () => {
    for (const key of ['j', 'x', 'j', 'x']) {
      document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
      await new Promise((next) => { const { port1, port2 } = new MessageChannel(); port1.onmessage = next; port2.postMessage(0); });
    }
  })()`);
  await page.getByText('2 selected').waitFor();
  await page.getByRole('complementary', { name: 'Job' }).getByText('It cannot succeed').waitFor();
  await page.getByRole('button', { name: 'Discard 2' }).click();
  await page.getByRole('dialog').getByText('2 jobs will be discarded').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: jobId(1) }).press('Enter');
  await page.getByText('Record as JSON').first().waitFor();
  expect(await page.title()).toBe(`sample ${shortId} · acme`);
  await page.goBack();
  await first.waitFor();
  await page.goForward();
  await page.getByText('Record as JSON').first().waitFor();

  expect(await page.evaluate('window.loaded')).toBe(1);
  expect(problems).toEqual([]);
});

browserTest('an operator on a phone pauses a queue again, and goes from its problem to its jobs', async () => {
  const { engine } = sampleEngine(rejects);
  for (let n = 1; n <= 60; n++) engine.send(envelope(n), { group: `g${n}` });
  await engine.drain({ hours: 1 });
  const { deployment, alarms, on } = memoryDeployment(engine);
  await pauseQueue(deployment, { queue: 'sample', reason: 'the vendor moves' });
  on.set('sample', true);
  alarms.push({ name: 'my-sample-dlq-depth', since: 1 });
  const { url } = opens(await testedConsole(engine, { deployment, write: true }));
  const { page, problems } = await openTab();
  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.goto(url);

  await page.getByRole('heading', { name: 'sample: dead', level: 2 }).waitFor();
  await page.getByText('Fix the cause, then retry or discard them').waitFor();
  const queues = page.getByRole('region', { name: 'Table of queues' });
  expect(await queues.evaluate((table) => table.scrollWidth - table.clientWidth)).toBe(0);
  await page.getByRole('button', { name: 'Pause sample again' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Reason').fill('the deployment failed');
  await dialog.getByRole('button', { name: 'Pause sample again', disabled: false }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByText('Lambda still receives').waitFor({ state: 'detached' });
  expect(on.get('sample')).toBe(false);
  await page.getByRole('link', { name: 'Show it' }).last().click();
  await page.getByText('50 jobs.').waitFor();
  await page.getByRole('link', { name: 'Older' }).click();
  await page.getByText('10 jobs.').waitFor();
  await page.getByRole('button', { name: 'Newer' }).click();
  await page.getByText('50 jobs.').waitFor();
  expect(problems).toEqual([]);
});

browserTest(
  'the page of analytics shows what each written hour holds, and how many events have no name there',
  async () => {
    const { page, go } = await aTabOn('/');
    await go('/console/analytics');
    const hours = page.getByLabel('What each written hour holds');
    await hours.waitFor();

    const rows = await hours.locator('tbody tr').allInnerTexts();
    expect(rows.map((row) => row.split('\t').slice(1))).toEqual([
      ['not counted', 'not counted', 'not counted'],
      ['55', '7', '4'],
    ]);
    expect(await page.getByText('5 events of other names.').count()).toBe(1);
  },
);

const PAGES = [
  ['/', 'The reconciler'],
  ['/console/jobs', shortId],
  [job, 'Record as JSON'],
  ['/console/dead', 'Rejected'],
  ['/console/campaigns', 'No campaigns'],
  ['/console/analytics', 'must not look like a mail address'],
] as const;

browserTest(
  'axe finds no violation on any page, in dark mode texts have contrast, and no page is too wide for a phone',
  async () => {
    const { page, go } = await aTabOn('/', { write: true });
    const found: Record<string, unknown> = {};
    const look = async (path: string) => {
      const light = await violations(page);
      await page.emulateMedia({ colorScheme: 'dark' });
      const color = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      const dark = await violations(page, ['color-contrast']);
      await page.setViewportSize({ width: 360, height: 800 });
      found[path] = [light, color, dark, await page.evaluate('document.documentElement.scrollWidth')];
      await page.emulateMedia({ colorScheme: 'light' });
      await page.setViewportSize({ width: 1200, height: 800 });
    };
    for (const [path, text] of PAGES) {
      await go(path);
      await page.getByText(text).first().waitFor();
      await look(path);
    }
    await go(job);
    await page.getByRole('button', { name: 'Retry' }).click();
    await page.getByText('npx sls jobs retry').waitFor();
    await look('the question of an action');

    const good = [[], 'rgb(14, 16, 20)', [], 360];
    expect(found).toEqual(Object.fromEntries(Object.keys(found).map((path) => [path, good])));
  },
);
