import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BrowserServer, chromium, type Page } from 'playwright-core';
import type { JobRow } from '../../lib/engine/jobs/row';
import { listJobs } from '../../lib/operate/ops/search';
import { reports } from '../../packages/cli/report';
import { LOCAL_APP } from '../../packages/local/fakes/app-store-connect';
import { type Service, startService } from '../../packages/local/service';
import { packageStage } from '../../packages/local/template/package';
import { layDeadFeedback } from '../support/dead-letters';
import { contextOf, recordingOutput } from '../support/operator';
import { layMonths, monthMetrics, REPORT_MONTH } from '../support/report-month';
import { fakeServerless } from '../support/serverless';
import { startBrowser } from './setup.cjs';

const FOLDER = 'docs/console';
/** The repository keeps every version of an image. A larger one ends the script with an error, once all are taken. */
const MOST_BYTES = 100_000;

/** `npm run screenshots`: runs the service on this machine, lets something happen, and takes a picture of each page. */
async function main(): Promise<void> {
  const service = await startService({ packaged: await packageStage('local') });
  const server: BrowserServer = await startBrowser();
  try {
    const browser = await chromium.connect(server.wsEndpoint());
    const page = await browser.newPage({ locale: 'en-US', viewport: { width: 1280, height: 720 } });
    mkdirSync(FOLDER, { recursive: true });
    await happen(service, page);
    await take(service, page);
    await takeReport(service, page);
  } finally {
    await server.close();
    await service.stop();
  }
}

/** Some jobs succeed, some are dead, and one is held. */
async function happen(service: Service, page: Page): Promise<void> {
  await layDeadFeedback(service, 5, 'TemplateMissing');
  const { producer, endpoints } = service;
  const mail = { from: { email: 'sender@example.com' }, subject: 'News', text: 'News' };
  const feedback = (email: string) => producer.feedback({ user: { email }, subject: 'Hello', message: 'It works' });
  await producer.campaign(
    { ...mail, name: 'News', unsubscribe: { link: 'https://example.com/leave?who={{token}}' } },
    Array.from({ length: 5_000 }, (_, n) => ({ email: `reader-${n}@example.com`, data: { token: n } })),
  );
  await producer.email({ ...mail, to: { email: 'reader@example.com' } });
  await producer.invite({ app: LOCAL_APP.id, email: 'tester@example.com', groups: [LOCAL_APP.group] });
  for (const email of ['person@example.com', 'refused@example.com']) await feedback(email);
  await page.goto(`${endpoints.api}/console/local`);
  const rows = async (state: string) => (await jobsOf(service)).filter((row) => row.state === state);
  while ((await rows('succeeded')).length < 4);
  const zendesk = page.getByRole('region', { name: 'zendesk' });
  await zendesk.getByRole('button', { name: 'Refuse the key (401)' }).click();
  await zendesk.getByRole('button', { name: 'Refuse the key (401)', pressed: true }).waitFor();
  await feedback('person@example.com');
  while ((await rows('held')).length === 0);
  await track(service);
}

const jobsOf = async ({ deployment }: Service): Promise<JobRow[]> =>
  (await listJobs(deployment, { from: Date.now() - 3_600_000, to: Date.now() })).rows;

/** Some events, of which some are refused. */
async function track({ deployment, ports }: Service): Promise<void> {
  const url = deployment.queueUrl('analytics');
  const [id, time] = [randomUUID(), new Date().toISOString()];
  const named = (n: number) => (n % 9 === 0 ? 'purchase' : n % 4 === 0 ? 'session_started' : 'screen_viewed');
  const valid = Array.from({ length: 400 }, (_, n) => ({ id: `event-${n}`, name: named(n), time }));
  const events = [...valid, ...valid.slice(0, 12).map((event) => ({ ...event, user: '', schema: 1 }))];
  const envelope = { specversion: '1.0', id, type: 'analytics.events.v1', source: '/my/api', time, data: { events } };
  await ports.queues.send(url, { body: JSON.stringify(envelope), groupId: id, deduplicationId: id });
}

async function take(service: Service, page: Page): Promise<void> {
  const jobs = await jobsOf(service);
  const dead = jobs.find(({ error }) => error?.code === 'ZendeskRejected');
  const campaign = jobs.find(({ type }) => type === 'email.campaign.v1');
  const pages = {
    overview: ['/', 'The reconciler ran'],
    jobs: ['/console/jobs?queue=feedback', 'ZendeskRejected'],
    job: [`/console/job?queue=feedback&id=${dead?.id}`, 'Record as JSON'],
    'dead-letters': ['/console/dead', 'TemplateMissing'],
    campaign: [`/console/campaigns?id=${campaign?.id}`, 'SendGrid reported'],
    analytics: ['/console/analytics', 'must be 1 to 128 characters'],
    'fake-vendors': ['/console/local', 'discord'],
  } as const;
  for (const [name, [path, shown]] of Object.entries(pages)) {
    await page.goto(`${service.endpoints.api}${path}`);
    await page.getByText(shown).first().waitFor();
    await page.waitForLoadState('networkidle');
    // A list has as many rows as fit, and each costs bytes.
    await picture(page, name, name === 'jobs' ? 475 : 720);
  }
}

/** The page that `sls report --html` writes for a month, with the costs of the production of the example instance. */
async function takeReport({ deployment }: Service, page: Page): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'report-'));
  const html = join(folder, `${REPORT_MONTH}.html`);
  try {
    await layMonths(deployment);
    const deps = { ...deployment, instance: 'mht-api', monitoring: monthMetrics };
    const serverless = fakeServerless({ functions: { feedback: { environment: { BRAND_NAME: 'Example' } } } });
    Object.assign(serverless.service, { resources: { Resources: (await packageStage('prod')).resources } });
    const context = contextOf(deps, { month: REPORT_MONTH, html }, recordingOutput().out);
    await reports.report.run({ ...context, serverless });
    await page.setViewportSize({ width: 960, height: 720 });
    await page.goto(pathToFileURL(html).href);
    await picture(page, 'report', 640);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function picture(page: Page, name: string, height: number): Promise<void> {
  const file = join(FOLDER, `${name}.png`);
  await page.screenshot({ path: file, clip: { x: 0, y: 0, width: page.viewportSize()?.width ?? 0, height } });
  const { size } = statSync(file);
  process.stdout.write(`${file}: ${Math.round(size / 1000)} KB\n`);
  if (size > MOST_BYTES) process.exitCode = 1;
}

void main();
