import { bundledPlay } from './bundled';
import type { Trouble } from './calendar';

const titles = (chat: { title: string }[]) => chat.map(({ title }) => title.replace(/^.*mht-api[ :·]+/, ''));

test('on a day with trouble each job ends, and the chat tells once what began and what is over', async () => {
  const trouble: Trouble[] = [
    { day: 1, hour: 9, minutes: 40, what: 'Zendesk answers 503', vendor: 'zendesk', status: 503 },
    { day: 1, hour: 13, minutes: 0, what: 'twenty bad jobs', badJobs: 20 },
    { day: 1, hour: 15, minutes: 1, what: 'no concurrency', throttled: true },
  ];
  const play = (await bundledPlay())();
  const page = await play({ days: 1, share: { events: 0.01, recipients: 0.1 }, trouble });

  expect(page).toMatchObject({ findings: {}, mails: { twice: 0 } });
  expect(titles(page.chat)).toEqual([
    'zendesk: A vendor does not work',
    'zendesk: A vendor does not work (over)',
    // It is over when an operator has looked at them.
    'feedback: Jobs in the dead-letter queue',
    'A function is throttled',
    'A function is throttled (over)',
  ]);
});
