import { chunkId } from '../../../lib/emails/campaigns/campaign';
import type { SendgridEvent } from '../../../packages/local/fakes/sendgrid';
import { type Emails, startEmails } from '../../support/emails';
import { jobId } from '../../support/engine';
import { postEvents, storedEvents } from '../../support/webhook-request';

const CAMPAIGNS = { acme: jobId(100), 'acme-staging': jobId(200) };
type Name = keyof typeof CAMPAIGNS;

let services: Record<Name, Emails>;
beforeEach(async () => {
  const acme = await startEmails({ instance: 'acme' });
  services = { acme, 'acme-staging': await startEmails({ instance: 'acme-staging', account: acme.sendgrid }) };
});
afterEach(() => services.acme.close());

/** Each instance sends a campaign to as many people. Returns SendGrid's events about all of its account's mails. */
async function sendAll(recipients: Record<Name, number>): Promise<SendgridEvent[]> {
  for (const [name, service] of Object.entries(services) as [Name, Emails][]) {
    const campaign = await service.campaign({ id: CAMPAIGNS[name], recipients: recipients[name] });
    service.sendChunk(campaign, 0);
    await service.campaigns.change(campaign.id, (stored) => ({ ...stored, released: 1, open: [0] }));
    await service.engine.drain({ batch: 1, hours: 1 });
  }
  return services.acme.events();
}

/** SendGrid posts every event of the account to the webhook of every instance. */
async function post(events: readonly SendgridEvent[]): Promise<void> {
  for (const [instance, { engine }] of Object.entries(services))
    expect(await postEvents(engine, events, { instance })).toBe(204);
}

/** The ids of the jobs whose events an instance has stored. */
const jobsStored = (name: Name) => [...new Set(storedEvents(services[name].engine).map(({ event }) => event.job))];
const ignored = (name: Name) =>
  services[name].engine.lines
    .filter(({ message }) => message === 'events of other instances ignored')
    .map(({ facts }) => facts.count);
const delivered = async (name: Name) => (await services[name].report(CAMPAIGNS[name])).events.delivered;

test('two instances on one account keep only their own events', async () => {
  const events = await sendAll({ acme: 3, 'acme-staging': 2 });
  const { instance: _instance, ...unclaimed } = { ...events[0], job: jobId(999) } as SendgridEvent;

  await post([...events, unclaimed as SendgridEvent]);

  expect(jobsStored('acme')).toEqual([chunkId(CAMPAIGNS.acme, 0)]);
  expect(jobsStored('acme-staging')).toEqual([chunkId(CAMPAIGNS['acme-staging'], 0)]);
  expect([await delivered('acme'), await delivered('acme-staging')]).toEqual([3, 2]);
  expect([ignored('acme'), ignored('acme-staging')]).toEqual([[3], [4]]);
});
