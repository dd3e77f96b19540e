import { createJobs } from '../../../lib/producer/jobs';
import { createProducer } from '../../../lib/producer/producer';
import { type Emails, startEmails } from '../../support/emails';

const started: Emails[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map(({ close }) => close()));
});

const HOUR = 3_600_000;

/** A campaign and a mail that are planned for an hour later. */
async function planned() {
  const emails = await startEmails();
  started.push(emails);
  const { engine } = emails;
  const producer = createProducer({ ...engine.deps, source: '/my/api', emailRate: 10 });
  const content = { from: { email: 'news@example.com' }, subject: 'S', text: 'T' };
  const options = { notBefore: new Date(engine.clock.now() + HOUR).toISOString() };
  const campaign = await producer.campaign(
    { ...content, transactional: true },
    [{ email: 'a@example.com' }, { email: 'b@example.com' }],
    options,
  );
  const mail = await producer.email({ ...content, to: { email: 'c@example.com' } }, options);
  return { ...emails, campaign, mail };
}

const receivers = ({ sendgrid }: Pick<Emails, 'sendgrid'>) => sendgrid.mails.flatMap(({ to }) => to).toSorted();

test('a planned campaign and a planned mail are sent at their time', async () => {
  const emails = await planned();
  const { engine, campaign } = emails;
  const begin = engine.clock.now();

  engine.clock.advance(HOUR - 60_000);
  await engine.reconcile();
  expect([engine.inQueue(), receivers(emails)]).toEqual([0, []]);
  await engine.drain();

  expect(receivers(emails)).toEqual(['a@example.com', 'b@example.com', 'c@example.com']);
  expect(await emails.campaigns.read(campaign.id)).toMatchObject({ status: 'ended', time: begin });
});

test('a campaign and a mail that are cancelled before their time are never sent', async () => {
  const emails = await planned();
  const { engine, campaign, mail } = emails;
  const jobs = createJobs(engine.deps);

  expect([await jobs.cancel(campaign.id), await jobs.cancel(mail.id)]).toMatchObject([
    { cancelled: true },
    { cancelled: true },
  ]);
  engine.clock.advance(2 * HOUR);
  await engine.drain();

  expect(receivers(emails)).toEqual([]);
  expect(await emails.campaigns.read(campaign.id)).toBeUndefined();
});
