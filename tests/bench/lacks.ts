import { submit } from '../../lib/engine/submit/submit';
import { sharedRate } from '../../lib/mail/rate';
import type { Sendgrid } from '../../lib/mail/sendgrid';
import { AmbiguousError, TransientError, WaitError } from '../../lib/platform/errors';
import { FEEDBACK_SUBMITTED } from '../../lib/queues/feedback/message';
import { mailLimit } from '../../lib/queues/feedback/process';
import { FEEDBACK_QUEUE } from '../../lib/queues/feedback/queue';
import type { Zendesk } from '../../lib/queues/feedback/zendesk';
import { envelopeOf, startService, type Tools } from '../simulation/scale/service';
import { jobId } from '../support/engine';
import { aFeedback, ownUser, sampleFeedback } from '../support/feedback';
import { hashPeople } from '../support/hash-people';
import { carefulLoop } from './careful-loop';
import { CONFIRMATION_WAIT_MS } from './rivals';
import { type Size, tableOf } from './table';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const SIZES = {
  full: { jobs: 10_000, ticketsAMinute: 700, outageMs: HOUR_MS, mails: 1_000, patienceMs: 96 * HOUR_MS },
  small: { jobs: 40, ticketsAMinute: 10, outageMs: HOUR_MS / 2, mails: 40, patienceMs: HOUR_MS },
};
type Sizes = (typeof SIZES)[Size];
const OURS = 'this engine';
const RIVALS = [OURS, 'a careful loop'] as const;
type Rival = (typeof RIVALS)[number];
type Measured = Record<string, string>;
const NOT_DONE = 'not done';
const CALL_MS = 300;
/** How long a call waits for a connection to a vendor that is down. */
const DOWN_MS = 5_000;
const MAILS_A_SECOND = 5;
/** One user's jobs: the first is bad, the others wait behind it. */
const BEHIND = 5;
/** Jobs of other users come so often meanwhile. */
const OTHERS_EVERY_MS = MINUTE_MS;
/** The new jobs after the outage, one a minute. */
const FRESH = 10;

/** How the vendors treat this day's jobs. */
interface Rules {
  /** Zendesk refuses all connections until this time after the start. */
  downMs?: number;
  ticketsAMinute?: number;
  mailsASecond?: number;
  /** Zendesk answers 500 to this job, or the job kills its process. */
  bad?: { id: string; as: 'failing' | 'poison' };
}

/** What an ordinary day shows, beside the faults of single calls: this engine, and the careful loop. */
export async function ordinaryDay(size: Size): Promise<string> {
  const measured: Record<Rival, Measured> = { [OURS]: {}, 'a careful loop': {} };
  for (const rival of RIVALS)
    measured[rival] = {
      ...(await behind(rival, 'poison', SIZES[size])),
      ...(await behind(rival, 'failing', SIZES[size])),
      ...(await storm(rival, SIZES[size])),
      ...(await oneRate(rival, SIZES[size])),
      ...(rival === OURS ? await planned(SIZES[size]) : {}),
    };
  if (Object.values(measured[OURS]).includes(NOT_DONE)) throw new Error('this engine left jobs undone');
  return [
    'Ten workers on a virtual clock. A call of a vendor takes 0.3 s, or 5 s while it is down, and one of the table 5 ms.',
    tableOf(
      Object.keys(measured[OURS]),
      ['what', (what) => what],
      ...RIVALS.map((rival): [string, (what: string) => string] => [rival, (what) => measured[rival][what] ?? 'none']),
    ),
  ].join('\n');
}

/** One user's jobs wait behind one that fails each time, or kills each process. */
async function behind(rival: Rival, as: 'failing' | 'poison', { patienceMs }: Sizes): Promise<Measured> {
  const day = startDay(rival, { bad: { id: jobId(1), as } });
  for (let n = 1; n <= 1 + BEHIND; n++) day.send(n, { user: 'one' });
  for (let n = 1; n * OTHERS_EVERY_MS <= HOUR_MS; n++) day.send(100 + n, { inMs: n * OTHERS_EVERY_MS });
  await day.run({ withinMs: patienceMs, done: () => day.mailedAt(1 + BEHIND) !== undefined });
  const what = as === 'poison' ? 'kills each process' : 'fails at Zendesk each time';
  return { [`a job ${what}: until the last of five behind it is done`]: timeOf(day.waitOf(1 + BEHIND)) };
}

/** Zendesk is down while jobs come. Then it takes so many requests a minute, and some new jobs come. */
async function storm(rival: Rival, { jobs, ticketsAMinute, outageMs, patienceMs }: Sizes): Promise<Measured> {
  const day = startDay(rival, { downMs: outageMs, ticketsAMinute });
  for (let n = 1; n <= jobs; n++) day.send(n, { inMs: (outageMs * n) / (jobs + 1) });
  const fresh = Array.from({ length: FRESH }, (_, n) => jobs + 1 + n);
  for (const [index, n] of fresh.entries()) day.send(n, { inMs: outageMs + (index + 1) * MINUTE_MS });
  const all = [...Array.from({ length: jobs }, (_, n) => n + 1), ...fresh];
  await day.run({ withinMs: outageMs + patienceMs, done: () => day.mailed() === all.length });
  const outage = `Zendesk is down for ${timeOf(outageMs)}, ${jobs.toLocaleString('en')} jobs come`;
  const drained = Math.max(...all.slice(0, jobs).map((n) => day.mailedAt(n) ?? Infinity));
  return {
    [`${outage}: calls to it meanwhile`]: String(day.counts.whileDown),
    [`… then it takes ${ticketsAMinute} a minute: calls that it refuses`]: String(day.counts.refused),
    '… until all are done': timeOf(drained - day.begun - outageMs),
    '… wait of a new job meanwhile, longest': timeOf(Math.max(...fresh.map(day.waitOf))),
  };
}

/** Many jobs at once, and SendGrid takes only a few mails a second. */
async function oneRate(rival: Rival, { mails, patienceMs }: Sizes): Promise<Measured> {
  const day = startDay(rival, { mailsASecond: MAILS_A_SECOND });
  const all = Array.from({ length: mails }, (_, n) => n + 1);
  for (const n of all) day.send(n);
  await day.run({ withinMs: patienceMs, done: () => day.mailed() === all.length });
  return {
    [`${mails} jobs at once, SendGrid takes ${MAILS_A_SECOND} mails a second: mails that it refuses`]: String(
      day.counts.refused,
    ),
    '… until all mails are sent': timeOf(Math.max(...all.map(day.waitOf))),
  };
}

/** Jobs that are planned for a time. SQS has none for a message of a FIFO queue, so the loop has no such jobs. */
async function planned({ mails }: Sizes): Promise<Measured> {
  const day = startDay(OURS, {});
  const all = Array.from({ length: mails }, (_, n) => n + 1);
  const notBefore = day.begun + HOUR_MS;
  for (const n of all) day.send(n, { notBefore });
  await day.run({ withinMs: 2 * HOUR_MS, done: () => day.mailed() === all.length });
  const waits = all.map((n) => day.waitOf(n) - HOUR_MS);
  const early = waits.filter((ms) => ms < 0).length;
  return {
    [`${mails} jobs planned for an hour later: too early, and the longest delay`]: `${early}, ${timeOf(Math.max(...waits))}`,
  };
}

/** In a unit that suits it. */
const timeOf = (ms: number): string => {
  if (!Number.isFinite(ms)) return NOT_DONE;
  const [unit, name] = ms < 2 * MINUTE_MS ? [SECOND_MS, 's'] : ms < 2 * HOUR_MS ? [MINUTE_MS, 'min'] : [HOUR_MS, 'h'];
  return `${Math.round(ms / unit)} ${name}`;
};

/** A queue with its workers, and the vendors. */
function startDay(rival: Rival, rules: Rules) {
  const isOurs = rival === OURS;
  const mailedAt = new Map<string, number>();
  const sentAt = new Map<number, number>();
  const counts = { whileDown: 0, refused: 0 };
  const death = { die: () => {} };
  const vendors = (tools: Tools) => countingVendors(tools, { rules, counts, mailedAt, death, begun: () => begun });
  const service = startService({
    queue: FEEDBACK_QUEUE,
    contract: (tools) => {
      const rate = sharedRate({ ...tools.deps, rate: rules.mailsASecond ?? 100 }, 'sendgrid');
      const mayConfirm = mailLimit({ ...tools.deps, hashPeople });
      const deps = { ...tools.deps, rate, ...vendors(tools), mayConfirm };
      return sampleFeedback(deps, CONFIRMATION_WAIT_MS);
    },
    ...(!isOurs && {
      worker: (tools) => carefulLoop({ ...tools.deps, ...vendors(tools), dlqUrl: tools.deps.dlqUrl(FEEDBACK_QUEUE) }),
    }),
    settings: { receives: isOurs ? 3 : 1_000 },
    death: ({ Records: [record] }) =>
      new Promise((resolve) => {
        if (rules.bad && record?.body.includes(rules.bad.id)) death.die = resolve;
      }),
    groupOrder: 'turns',
    stayMs: 55_000,
  });
  const begun = service.now();
  const waitOf = (n: number) => (mailedAt.get(jobId(n)) ?? Infinity) - (sentAt.get(n) ?? 0);
  return {
    ...service,
    begun,
    counts,
    /** Sends the n-th job after so many milliseconds, as the producer does. */
    send(
      n: number,
      { user = `user-${n}`, inMs = 0, notBefore }: { user?: string; inMs?: number; notBefore?: number } = {},
    ) {
      const job = { id: jobId(n), type: FEEDBACK_SUBMITTED, data: aFeedback(ownUser(jobId(n))) };
      const { deps } = service;
      service.after(inMs, () => {
        const time = service.now();
        sentAt.set(n, time);
        const planned = notBefore === undefined ? {} : { notBefore: new Date(notBefore).toISOString() };
        if (isOurs)
          void submit({ ...deps, source: '/bench/api' }, { ...job, ...planned, queue: FEEDBACK_QUEUE, group: user });
        else service.send(envelopeOf(n, { ...job, time }), user);
      });
    },
    mailedAt: (n: number) => mailedAt.get(jobId(n)),
    mailed: () => mailedAt.size,
    waitOf,
  };
}

interface Counting {
  rules: Rules;
  counts: { whileDown: number; refused: number };
  mailedAt: Map<string, number>;
  /** Kills the process that runs the bad job. */
  death: { die: () => void };
  begun: () => number;
}

/** Zendesk and SendGrid with the day's rules. */
function countingVendors({ call, now }: Tools, { rules, counts, mailedAt, death, begun }: Counting) {
  const { downMs = 0, ticketsAMinute = Infinity, mailsASecond = Infinity, bad } = rules;
  const tickets = new Set<string>();
  const limits = { zendesk: limit(ticketsAMinute, MINUTE_MS), sendgrid: limit(mailsASecond, SECOND_MS) };
  const throttle = (vendor: keyof typeof limits) => {
    const waitMs = limits[vendor](now());
    if (waitMs === 0) return;
    counts.refused++;
    throw new WaitError({ code: 'Throttled', message: '429', vendor, status: 429, waitMs });
  };
  const ask = <T>(effect: () => T) => {
    if (now() >= begun() + downMs)
      return call(CALL_MS, () => {
        throttle('zendesk');
        return effect();
      });
    counts.whileDown++;
    return call(DOWN_MS, () => {
      throw new TransientError({ code: 'ZendeskUnreachable', message: 'down', vendor: 'zendesk' });
    });
  };
  const zendesk: Zendesk = {
    createTicket: ({ external_id: id }) => {
      if (id === bad?.id && bad.as === 'poison') {
        death.die();
        return new Promise(() => {});
      }
      return ask(() => {
        if (id === bad?.id) throw new AmbiguousError({ code: 'ZendeskFailed', message: '500', vendor: 'zendesk' });
        tickets.add(id);
        return { id };
      });
    },
    findTicket: (id) => ask(() => (tickets.has(id) ? { id } : undefined)),
    probe: () => ask(() => undefined),
    upload: () => Promise.reject(new Error('no job has a file')),
  };
  const sendgrid: Sendgrid = {
    send: ({ recipients: [to] }) =>
      call(CALL_MS, () => {
        throttle('sendgrid');
        mailedAt.set(to?.customArgs.job ?? '', now());
        return {};
      }),
    probe: () => call(CALL_MS, () => undefined),
  };
  return { zendesk, sendgrid };
}

/** The requests that a vendor takes in each interval. Answers 0, or how long one that it refuses must wait. */
function limit(most: number, intervalMs: number): (now: number) => number {
  let interval = 0;
  let taken = 0;
  return (now) => {
    const current = Math.floor(now / intervalMs);
    if (current !== interval) taken = 0;
    interval = current;
    return taken++ < most ? 0 : (current + 1) * intervalMs - now;
  };
}
