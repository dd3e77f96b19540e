import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { playedMonth } from '../../../resources/cost';
import { curveAt, DAY_MS, HOUR_MS, TRAFFIC } from '../../month/calendar';

const { traffic, used, idle } = playedMonth();
const { queues, sendgrid } = parse(readFileSync('instances/profiles/default.yml', 'utf8')) as {
  queues: Record<string, { concurrency: number }>;
  sendgrid: { rate: number };
};
const HOURS = 30 * 24;
/** The busiest hour of the month, in parts of the average. */
const BUSIEST = Math.max(...Array.from({ length: HOURS }, (_, hour) => curveAt(hour * HOUR_MS)));
const inHour = (month: number) => (month / HOURS) * BUSIEST;
const seconds = (queue: string, jobs: number) =>
  ((used[queue]?.gbSeconds ?? 0) - (idle[queue]?.gbSeconds ?? 0)) / 0.5 / jobs;
/** Jobs that the workers do in an hour. */
const done = (queue: string, jobs: number) => ((queues[queue]?.concurrency ?? 0) * 3_600) / seconds(queue, jobs);

const { feedback, testflight, events, mails, recipients } = traffic;
const CAMPAIGNS_PART = 0.97;
const CHUNK = sendgrid.rate / 2;
/** The function `hours`: its time-out, the part in which it reads, and its runs in an hour. */
const READ_SECONDS = 300 * 0.7 * 4;

/** What the beta uses of each limit in its busiest hour, in the order of the table. */
const SHARES: readonly number[] = [
  (inHour(feedback) * (1 + TRAFFIC.withFiles / 100)) / (200 * 60),
  inHour(feedback) / done('feedback', feedback),
  inHour(feedback) / (300 * 3_600),
  // 284 MB for a million recipients.
  (TRAFFIC.recipients / TRAFFIC.campaigns / 1e6) * (284 / 1_024),
  (recipients + mails + feedback + testflight) / (sendgrid.rate * CAMPAIGNS_PART * ((30 * DAY_MS) / 1_000)),
  inHour(mails) / done('emails', mails),
  (inHour(testflight) * 5) / 3_500,
  (inHour(testflight) * seconds('testflight', testflight)) / 3_600,
  inHour(testflight) / done('testflight', testflight),
  inHour(events) / 1_500_000,
  ((inHour(events) / 1e6) * 44) / READ_SECONDS,
  inHour(events) / 3_600 / 78_403,
  (feedback + testflight + mails + recipients / CHUNK) / 30 / 180_000,
];

const digits = (value: number, most: number) => Number(value.toPrecision(most)).toLocaleString('en');
const percent = (share: number) => (share < 0.00005 ? '0' : digits(100 * share, share < 0.1 ? 1 : 2));

test('docs/jobs.md says how much of each limit is used, and when it is met', () => {
  const section = readFileSync('docs/jobs.md', 'utf8').split('## How many jobs a second')[1]?.split('\n## ')[0] ?? '';
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1);
  const said = rows.map((row) => row.split(' | ').slice(2, 4));

  expect(said).toEqual(
    SHARES.map((share) => [
      [10, 100, 1_000].map((times) => percent(times * share)).join(', '),
      `${digits(1 / share, 2)} ×`,
    ]),
  );
});
