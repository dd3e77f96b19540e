import { campaigns } from '../../lib/queues/emails/campaigns/campaign';
import { acceptedRow } from '../support/accepted-row';
import { anEvent, putOriginal } from '../support/analytics';
import { testedConsole } from '../support/console';
import { memoryDeployment } from '../support/deployment';
import { envelope, jobId } from '../support/engine';
import { rejects, sampleEngine } from '../support/sample-contract';
import { browserTest, opens, openTab, violations } from './page';

const [JOBS, DEAD, CAMPAIGNS] = [10_000, 30, 500];
const MARKUP = '<img src=x onerror="window.hacked = 1">';
const job = `/console/job?queue=sample&id=${jobId(1)}`;

/** A console over many jobs and campaigns, with markup in what people name. */
async function aFullConsole() {
  const { engine } = sampleEngine(rejects);
  const { deps, clock, objects } = engine;
  for (let n = 1; n <= DEAD; n++) engine.send(envelope(n), { group: `g${n}` });
  await engine.drain({ hours: 1 });
  // An act leaves jobs alone that end after it began.
  clock.advance(1_000);
  const now = clock.now();
  for (let n = DEAD + 1; n <= JOBS; n++) {
    const row = { ...acceptedRow(now), id: jobId(n), key: `sample#${jobId(n)}`, time: now - n * 1_000 };
    await deps.ledger.write({ ...row, correlationId: MARKUP }, 0);
  }
  const counts = {
    manifest: { key: 'm', sha256: '0'.repeat(64) },
    requested: 100,
    rejected: 0,
    duplicates: 0,
    recipients: 100,
    chunks: 1,
  };
  for (let n = 1; n <= CAMPAIGNS; n++) {
    const time = now - n * 3_600_000;
    const plan = { ...counts, id: jobId(JOBS + n), chunkSize: 100, source: '/my/api', name: `${MARKUP} ${n}` };
    await campaigns(deps).start({ ...plan, time, startsAt: time });
  }
  const time = new Date(now).toISOString();
  await putOriginal(objects, [anEvent(1, { time }), anEvent(2, { time, user: 'someone@example.com' })], { time });
  const { deployment } = memoryDeployment(engine);
  return opens(await testedConsole(engine, { deployment, write: true }));
}

const PAGES = {
  '/': 'The reconciler',
  '/console/jobs': '50 jobs',
  '/console/jobs?state=dead': `${DEAD} jobs`,
  [job]: 'Record as JSON',
  '/console/dead': '1 cause',
  '/console/campaigns': `${CAMPAIGNS} campaigns`,
  [`/console/campaigns?id=${jobId(JOBS + 1)}`]: 'SendGrid reported',
  '/console/analytics': 'must not look like a mail address',
  '/console/people': 'An audit object says',
  '/console/none': 'There is no such page',
};

const LOOKS = [1440, 390].flatMap((width) =>
  (['light', 'dark'] as const).map((colorScheme) => [width, colorScheme] as const),
);

browserTest.each(LOOKS)(
  'at %i px, in %s, axe finds nothing on any page of many jobs and campaigns, none is too wide, and no markup runs',
  async (width, colorScheme) => {
    const { url, host } = await aFullConsole();
    const { page, problems } = await openTab();
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    await page.goto(url);
    const found: Record<string, unknown> = {};

    for (const [path, text] of Object.entries(PAGES)) {
      await page.goto(`http://${host}${path}`);
      await page.getByText(text).first().waitFor();
      found[path] = [await violations(page), await page.evaluate('document.documentElement.scrollWidth')];
    }

    expect(found).toEqual(Object.fromEntries(Object.keys(PAGES).map((path) => [path, [[], width]])));
    await page.goto(`http://${host}${job}`);
    await page.getByText('Record as JSON').first().waitFor();
    const high = await page.evaluate('document.documentElement.scrollHeight');
    if (width === 390) expect(high).toBeLessThanOrEqual(1_800);
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    expect(problems).toEqual([]);
  },
);

browserTest('the keyboard alone goes from the overview through 10,000 jobs to an act and back', async () => {
  const { url } = await aFullConsole();
  const { page, problems } = await openTab();
  const press = async (...keys: string[]) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  await page.goto(url);
  await page.getByText('The reconciler').first().waitFor();

  await page.getByRole('link', { name: 'Jobs', exact: true }).first().focus();
  await press('Enter');
  await page.getByText('50 jobs').waitFor();
  const states = page.getByRole('navigation', { name: 'States' });
  await states.getByRole('link', { name: /^Dead/ }).focus();
  await press('Enter');
  await page.getByText(`${DEAD} jobs`).waitFor();
  await press('j', 'x', 'j', 'x', 'k');
  await page.getByText('2 selected').waitFor();
  await page.getByRole('button', { name: 'Discard 2' }).focus();
  await press('Enter');
  await page.getByText('2 jobs will be discarded').waitFor();
  await page.keyboard.type('tests');
  await page.getByRole('dialog').getByRole('button', { name: 'Discard 2', disabled: false }).waitFor();
  await press('Enter');
  await page.getByText('2 of 2 jobs discarded').waitFor();
  await page.getByText(`${DEAD - 2} jobs`).waitFor();
  await page.goBack();
  await page.getByText('50 jobs').waitFor();

  expect(problems).toEqual([]);
});
