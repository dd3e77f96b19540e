import type { Chance } from '../simulation/world/chance';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** What users do in a month of the beta. */
export const TRAFFIC = {
  feedbacks: 3_000,
  /** Of the feedbacks, in percent. */
  withFiles: 5,
  mails: 10_000,
  campaigns: 8,
  /** Of all campaigns together. */
  recipients: 90_000,
  events: 3_000_000,
  eventsASession: 30,
  testers: 500,
} as const;

/** What happens to mails, and how phones send events, in percent. */
export const SHARES = {
  bounced: 0.8,
  reported: 0.05,
  unsubscribed: 0.3,
  /** Of the events about mails: these come hours later. */
  lateEvents: 2,
  /** Of the sessions: the phone's clock is hours or days off; it sends everything twice; it sends all when it is online. */
  wrongClocks: 2,
  repeats: 1,
  uploads: 1,
} as const;

/** Something that goes wrong once a month. `day` and `hour` say when; a shorter play has only the days that it plays. */
export interface Trouble {
  day: number;
  /** Of the day, UTC. */
  hour: number;
  minutes: number;
  what: string;
  vendor?: 'zendesk' | 'sendgrid' | 'app-store-connect';
  /** The status that the vendor answers, and what it says. */
  status?: number;
  slowMs?: number;
  /** What an operator does after `minutes`, so that it ends. */
  operator?: string;
  /** The part of the table's calls that is refused. */
  tableRefuses?: number;
  /** No function starts. */
  throttled?: true;
  deployment?: true;
  /** So many jobs that a vendor refuses for good. */
  badJobs?: number;
  /** Each eighth address of the campaign bounces. */
  badCampaign?: true;
  /** So many messages of a direct sender that are no jobs of ours. */
  wrongMessages?: number;
}

export const DISCARDS = 'looks at the dead jobs and discards them (10 min)';

/** An ordinary month's trouble. Add a line here. */
export const TROUBLE: readonly Trouble[] = [
  { day: 2, hour: 10, minutes: 0, what: 'a deployment in the middle of work', deployment: true },
  { day: 4, hour: 14, minutes: 40, what: 'Zendesk answers 503', vendor: 'zendesk', status: 503 },
  { day: 7, hour: 9, minutes: 60, what: 'twenty bad jobs', badJobs: 20, operator: DISCARDS },
  { day: 9, hour: 11, minutes: 20, what: 'SendGrid is slow', vendor: 'sendgrid', slowMs: 6_000 },
  { day: 9, hour: 11.5, minutes: 10, what: 'SendGrid answers 429', vendor: 'sendgrid', status: 429 },
  { day: 12, hour: 13, minutes: 5, what: 'the table refuses two of three calls', tableRefuses: 2 / 3 },
  {
    ...{ day: 15, hour: 8, minutes: 120, what: 'the key of Zendesk has expired', vendor: 'zendesk', status: 401 },
    operator: 'renews the key (5 min)',
  },
  { day: 18, hour: 16, minutes: 1, what: "the account's concurrency is used up", throttled: true },
  { day: 20, hour: 12, minutes: 0, what: 'a bad campaign', badCampaign: true },
  {
    ...{ day: 22, hour: 15, minutes: 60, what: 'a direct sender with wrong messages', wrongMessages: 5 },
    operator: DISCARDS,
  },
  { day: 25, hour: 17, minutes: 0, what: 'a deployment in the middle of work', deployment: true },
];

export const startOf = ({ day, hour }: Pick<Trouble, 'day' | 'hour'>): number => (day - 1) * DAY_MS + hour * HOUR_MS;

/** How much of a day's traffic each hour has, UTC. The sum is 24. */
const HOURS = [3, 2, 2, 2, 3, 5, 10, 16, 24, 30, 32, 32, 30, 30, 31, 32, 31, 30, 32, 34, 31, 22, 12, 4].map(
  (part, _, all) => (24 * part) / all.reduce((sum, each) => sum + each, 0),
);
/** A weekend's day has this part of a weekday's traffic, so that the week's sum stays. The month begins on a Friday. */
const WEEKDAYS = [1.15, 0.6, 0.65, 1.15, 1.15, 1.15, 1.15];

/** The traffic at this time, in parts of the month's average. `ms`: since its beginning. */
export const curveAt = (ms: number): number =>
  (HOURS[Math.floor(ms / HOUR_MS) % 24] ?? 1) * (WEEKDAYS[Math.floor(ms / DAY_MS) % 7] ?? 1);
const HIGHEST = Math.max(...HOURS) * Math.max(...WEEKDAYS);

/** The next arrival after `ms` of a Poisson process with this average per day, which follows the curve. */
export function nextArrival(chance: Chance, ms: number, perDay: number): number {
  let at = ms;
  do at += (-Math.log(1 - chance.fraction()) * DAY_MS) / (perDay * HIGHEST);
  while (chance.fraction() > curveAt(at) / HIGHEST);
  return Math.ceil(at);
}
