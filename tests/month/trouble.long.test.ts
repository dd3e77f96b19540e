import { bundledPlay } from './bundled';
import type { Trouble } from './calendar';

const bundled = bundledPlay();
const titles = (chat: { title: string }[]) => chat.map(({ title }) => title.replace(/^.*mht-api[ :·]+/, ''));

const BAD_JOBS: Trouble = { day: 1, hour: 13, minutes: 0, what: 'twenty bad jobs', badJobs: 20 };
const zendesk = (of: Omit<Trouble, 'day' | 'what' | 'vendor'>): Trouble => ({
  ...{ day: 1, what: `Zendesk answers ${of.status}`, vendor: 'zendesk' },
  ...of,
});
const NO_CONCURRENCY = { day: 1, what: 'no concurrency', throttled: true } as const;

test.each<[string, Trouble[], string[]]>([
  [
    'a vendor down, bad jobs and a throttled minute',
    [zendesk({ hour: 9, minutes: 40, status: 503 }), BAD_JOBS, { ...NO_CONCURRENCY, hour: 15, minutes: 1 }],
    [
      'zendesk: A vendor does not work',
      'zendesk: A vendor does not work (over)',
      // It is over when an operator has looked at them.
      'feedback: Jobs in the dead-letter queue',
    ],
  ],
  [
    'a vendor that asks for fewer calls, and five throttled minutes',
    [zendesk({ hour: 9, minutes: 40, status: 429 }), { ...NO_CONCURRENCY, hour: 15, minutes: 5 }],
    [
      'zendesk: A vendor asks us to wait',
      'feedback: A job has been held for a long time',
      'feedback: A job has been held for a long time (over)',
      'zendesk: A vendor asks us to wait (over)',
      'A function is throttled',
      'A function is throttled (over)',
    ],
  ],
  [
    'a refused key, and a table that refuses calls in a deployment',
    [
      zendesk({ hour: 8, minutes: 120, status: 401 }),
      { day: 1, hour: 12, minutes: 5, what: 'the table refuses', tableRefuses: 2 / 3 },
      { day: 1, hour: 12.05, minutes: 0, what: 'a deployment', deployment: true },
    ],
    [
      'zendesk: A vendor does not work',
      'zendesk: A vendor does not work (over)',
      'A function fails',
      'A function fails (over)',
    ],
  ],
])('on a day with %s the chat tells once what began and what is over', async (_day, trouble, told) => {
  const play = (await bundled)();
  const page = await play({ days: 1, share: { events: 0.01, recipients: 0.1 }, trouble });

  expect(page).toMatchObject({ findings: {}, mails: { twice: 0 } });
  expect(titles(page.chat)).toEqual(told);
});
