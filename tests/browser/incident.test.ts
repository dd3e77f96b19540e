import { vendorKey } from '../../lib/engine/jobs/keys';
import type { Item } from '../../lib/platform/ports';
import { layDeadFeedback } from '../support/dead-letters';
import { type WatchedService, watchedService } from '../support/local-service';
import { localPackage } from '../support/packages';
import { browserTest, openTab, violations } from './page';

let service: WatchedService;
afterEach(() => service?.stop());

/** Lets the next run of the reconciler make its trial call. Otherwise it comes a minute after the last failed call. */
async function trialNow(): Promise<void> {
  const { table } = service.ports;
  for (;;) {
    const circuit = (await table.get(vendorKey('zendesk'))) as Item;
    const due = { ...circuit, retryAt: 0, version: circuit.version + 1 };
    if ((await table.put(due, circuit.version)) === 'written') return;
  }
}

browserTest('an operator sees an incident, repairs it from the screen, and nothing is done twice', async () => {
  service = await watchedService(await localPackage());
  const { page, problems } = await openTab();
  await layDeadFeedback(service, 5, 'TemplateMissing');
  const visit = (name: string) => page.getByRole('link', { name, exact: true }).click();
  const sentJob = async (email: string) => {
    const feedback = { user: { id: `user of ${email.length}`, email }, subject: 'Hello', message: 'It works' };
    return (await service.producer.feedback(feedback)).id;
  };

  // A bad job is dead. Then the vendor breaks, and a good job is held.
  await page.goto(`${service.endpoints.api}/console/local`);
  const bad = await sentJob('refused@example.com');
  expect(await service.recorded(bad)).toMatchObject({ state: 'dead', error: { code: 'ZendeskRejected' } });
  const zendesk = page.getByRole('region', { name: 'zendesk', exact: true });
  await zendesk.getByRole('button', { name: 'Refuse the key (401)' }).click();
  await zendesk.getByRole('button', { name: 'Refuse the key (401)', pressed: true }).waitFor();
  const good = await sentJob('person@example.com');
  await service.until('the hold', async () => (await service.job(good)).reason === 'stopped');
  expect(['Fake vendors', await violations(page)]).toEqual(['Fake vendors', []]);

  // The overview shows it, and the job says it in a sentence.
  await visit('Overview');
  await page.getByRole('region', { name: 'Vendors', exact: true }).getByText('open', { exact: true }).waitFor();
  const queues = page.getByRole('region', { name: 'Queues', exact: true });
  await queues.getByText('zendesk stopped').waitFor();
  await queues.getByRole('link', { name: '1', exact: true }).click();
  await page.getByRole('link', { name: good }).click();
  await page.getByRole('complementary', { name: 'Job' }).getByText('zendesk refuses our calls').waitFor();

  // The vendor recovers, and the held job continues without an operator.
  await visit('Fake vendors');
  await zendesk.getByRole('button', { name: 'Recover' }).click();
  await zendesk.getByRole('button', { name: 'Recover', disabled: true }).waitFor();
  await trialNow();
  expect(await service.recorded(good)).toMatchObject({ state: 'succeeded' });

  // The operator finds the job of the user who called, corrects its data and sends it again.
  await page.keyboard.press('/');
  await page.keyboard.type('refused@example.com');
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: bad }).click();
  await page.getByRole('link', { name: 'Open the job' }).click();
  const reveal = page.getByRole('button', { name: 'Show personal data' });
  await reveal.waitFor();
  await page.getByRole('listitem').filter({ hasText: 'call to zendesk' }).getByText('ZendeskRejected').waitFor();
  expect(await page.getByRole('main').innerHTML()).not.toContain('refused@example.com');
  await reveal.click();
  const data = page.getByRole('textbox', { name: 'Edit, then send it again' });
  await data.fill((await data.inputValue()).replace('refused@example.com', 'corrected@example.com'));
  await page.getByRole('button', { name: 'Send with this data' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Send with this data' }).click();
  const done = await page.getByText('sent again with other data as').first().textContent();
  const corrected = /as ([\w-]+)\./.exec(done ?? '')?.[1] ?? '';
  expect(await service.recorded(corrected)).toMatchObject({ state: 'succeeded' });

  // All dead jobs of one cause are discarded, and the page still names them.
  await visit('Dead letters');
  await page.getByRole('row', { name: 'TemplateMissing' }).getByRole('button', { name: 'Discard all' }).click();
  const dialog = page.getByRole('dialog');
  await dialog
    .getByText('npx sls jobs discard --queue feedback --state dead --job-reason error --code TemplateMissing')
    .waitFor();
  await dialog.getByRole('button', { name: 'Discard all', disabled: false }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByText('5 of 5 jobs discarded').waitFor();
  await page.getByRole('link', { name: 'Discarded', exact: true }).click();
  await page.getByText('5 jobs.').waitFor();
  expect(await page.getByText('discarded (error)').count()).toBe(5);

  const made = service.zendesk.tickets.map(({ external_id }) => external_id);
  expect(made.toSorted()).toEqual([good, corrected].sort());
  expect(service.sendgrid.mails.map(({ to }) => to[0]).sort()).toEqual(['corrected@example.com', 'person@example.com']);
  expect(problems).toEqual([]);
});
