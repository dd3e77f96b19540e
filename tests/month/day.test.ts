import { play } from './play';

const A_TENTH = { events: 0.1, recipients: 0.1 };

test('on a day without trouble nothing is lost or sent twice, and the chat stays silent', async () => {
  const page = await play({ days: 1, share: A_TENTH, trouble: [] });

  expect(page.goals.filter(({ met }) => !met)).toEqual([]);
  expect(page).toMatchObject({ chat: [], findings: {}, mails: { twice: 0, campaigns: { 'good-0': 'ended' } } });
  expect(page.jobs.feedback?.ends).toEqual({ succeeded: page.sent.accepted.feedback });
  expect(page.events.stored + page.events.rejected).toBe(page.sent.events + page.sent.repeated);
  expect(page.events.perMessage).toBeGreaterThan(2);
});
