import type { SourceChange } from '../simulation/draw/bundle';
import { bundledPlay } from './bundled';
import type { Page } from './page';

/** Each makes one part of the service worse. */
const MUTANTS: Record<string, SourceChange[]> = {
  packer: [
    { file: 'packages/producer/tracker.ts', find: 'let count = 1;', replace: 'let count = limits.shards;' },
    { file: 'packages/producer/tracker.ts', find: 'Math.ceil(count / 2)', replace: 'count' },
  ],
  alarm: [
    {
      file: 'resources/alarms.ts',
      find: 'threshold: limit.dlqDepth }',
      replace: 'threshold: 1_000 * limit.dlqDepth }',
    },
  ],
  guard: [
    {
      file: 'lib/queues/emails/campaigns/campaign.ts',
      find: "over('TooManyBounces', bounced,",
      replace: "over('TooManyBounces', 0,",
    },
  ],
};

const bundled = bundledPlay(MUTANTS);

/** The page of a day with a bad campaign and bad jobs, of the code with this mutant. */
async function pageUnder(mutant: string): Promise<Page> {
  const play = (await bundled)(mutant);
  return play({
    ...{ days: 1, share: { events: 0.1, recipients: 0.2 } },
    trouble: [
      { day: 1, hour: 10, minutes: 0, what: 'twenty bad jobs', badJobs: 20 },
      { day: 1, hour: 12, minutes: 0, what: 'a bad campaign', badCampaign: true },
    ],
  });
}

const told = ({ chat }: Page, what: string): number => chat.filter(({ title }) => title.includes(what)).length;
const figures = (page: Page) => ({
  eventsAnObject: page.events.perMessage > 2.5,
  dlqTold: told(page, 'dead-letter queue'),
  bad: page.mails.campaigns.bad,
});
const GOOD = { eventsAnObject: true, dlqTold: 1, bad: 'paused (TooManyBounces)' };

test.each([
  ['none', GOOD],
  ['packer', { ...GOOD, eventsAnObject: false }],
  ['alarm', { ...GOOD, dlqTold: 0 }],
  ['guard', { ...GOOD, bad: 'ended' }],
])('the page shows a worse part of the service: %s', async (mutant, shown) => {
  expect(figures(await pageUnder(mutant))).toEqual(shown);
});
