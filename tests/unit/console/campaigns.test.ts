import type { Campaigns } from '../../../lib/console/views';
import { testedConsole } from '../../support/console';
import { CAMPAIGN, type Emails, startEmails } from '../../support/emails';

const MINUTE = 60_000;

let emails: Emails;
beforeEach(async () => {
  emails = await startEmails();
});
afterEach(() => emails.close());

const listed = async () => {
  const console_ = await testedConsole(emails.engine);
  const { campaigns } = await console_.get<Campaigns>('campaigns').finally(console_.close);
  return campaigns[0];
};
const release = (released: number) => emails.campaigns.change(CAMPAIGN, (stored) => ({ ...stored, released }));

test('the rate and the end of a campaign are estimated by the time in which it ran, without its pauses', async () => {
  const { clock } = emails.engine;
  await emails.campaign({ recipients: 100 });
  clock.advance(MINUTE);
  await release(6);
  await emails.campaigns.pause(CAMPAIGN);
  clock.advance(48 * 60 * MINUTE);
  expect(await listed()).not.toHaveProperty('endsAbout');
  await emails.campaigns.resume(CAMPAIGN);
  clock.advance(MINUTE);
  await release(8);

  expect(await listed()).toMatchObject({
    released: 80,
    perSecond: 80 / 120,
    endsAbout: clock.now() + MINUTE / 2,
  });
});

test('a pause before a planned campaign begins does not count as time in which it ran', async () => {
  const { clock } = emails.engine;
  const startsAt = clock.now() + 10 * MINUTE;
  await emails.campaign({ recipients: 100 });
  await emails.campaigns.change(CAMPAIGN, (stored) => ({ ...stored, startsAt }));
  clock.advance(MINUTE);
  await emails.campaigns.pause(CAMPAIGN);
  clock.advance(MINUTE);
  await emails.campaigns.resume(CAMPAIGN);
  clock.advance(9 * MINUTE);
  await release(6);

  expect(await listed()).toMatchObject({ released: 60, perSecond: 1, endsAbout: clock.now() + 40_000 });
});
