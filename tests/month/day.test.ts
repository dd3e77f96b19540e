import { bill, type Month, sumOf } from '../../resources/cost';
import { bundledPlay } from './bundled';

const A_TENTH = { events: 0.1, recipients: 0.05 };
const COUNTED = ['DynamoDB', 'S3', 'SQS', 'Lambda', 'CloudWatch logs'];

test('on a day without trouble nothing is lost or sent twice, the chat stays silent, and it costs what the bill says', async () => {
  const play = (await bundledPlay())();
  const page = await play({ days: 1, share: A_TENTH, trouble: [] });

  expect(page.goals.filter(({ met }) => !met)).toEqual([]);
  expect(page).toMatchObject({ chat: [], findings: {}, mails: { twice: 0, campaigns: { 'good-0': 'ended' } } });
  expect(page.jobs.feedback?.ends).toEqual({ succeeded: page.sent.accepted.feedback });
  expect(page.events.stored + page.events.rejected).toBe(page.sent.events + page.sent.repeated);
  expect(page.events.perMessage).toBeGreaterThan(2);

  const month = Object.fromEntries(Object.entries(page.traffic).map(([name, n]) => [name, 30 * n])) as Month;
  const expected = bill(month, { alarmMetrics: 0, metrics: 0, dashboards: 0 });
  // After a change, read the difference, then run: npm run month -- --store
  const differs = (part: number, of: (cost: Record<string, number>) => number) =>
    Math.abs(of(page.cost) / of(expected) - 1) > part;
  const far = COUNTED.filter((name) => differs(0.2, (cost) => cost[name] ?? 0));
  expect(far.map((of) => `${of}: played ${page.cost[of]}, stored ${expected[of]}`)).toEqual([]);
  expect(differs(0.1, (cost) => sumOf(cost, (name) => COUNTED.includes(name)))).toBe(false);
});
