import { gunzipSync } from 'node:zlib';
import { isEnd, type JobRow } from '../../lib/engine/jobs/row';
import { storedFacts } from '../../lib/engine/reconcile/facts';
import { sendCanary } from '../../lib/engine/reconcile/measure';
import type { Deployment } from '../../lib/operate/ops/operator';
import { dataPrefix, hourIn } from '../../lib/queues/analytics/keys';
import { ANALYTICS_QUEUE } from '../../lib/queues/analytics/queue';
import type { Producer } from '../../packages/producer/client';
import { DAY_MS, HOUR_MS, nextArrival, TRAFFIC } from '../month/calendar';
import { jobsOf, type Page } from '../month/page';
import { createChance } from '../simulation/world/chance';
import { type Accepted, rowThat, until } from './accept';

export interface Soak {
  hours: number;
  /** So many times the beta's traffic. */
  times: number;
  /** Feedbacks and mails go to this domain. Without it, canaries take their place, and no vendor is called. */
  vendors?: { domain: string; from: string } | undefined;
}
interface Context extends Pick<Accepted, 'deps' | 'sleep' | 'waits'> {
  producer: Pick<Producer, 'feedback' | 'email' | 'track' | 'flush'>;
  /** What `sls verify` finds in the hours between these times. */
  verify: (hours: { from: number; to: number }) => Promise<{ kind: string }[]>;
}

const MONTH_DAYS = 30;
/** The month's calendar begins on this Friday. */
const BEGIN = Date.UTC(2026, 4, 1);
const EVENT_EVERY_MS = 8_000;
const PER_MONTH = {
  feedback: TRAFFIC.feedbacks,
  emails: TRAFFIC.mails,
  testflight: TRAFFIC.testers,
  [ANALYTICS_QUEUE]: TRAFFIC.events / TRAFFIC.eventsASession,
};
const TAG = 'soak';

type Arrival = { at: number; queue: keyof typeof PER_MONTH };

/** When each job and each session of events comes, in ms since 1970, for the queues that the instance has. */
export function arrivals({ hours, times }: Soak, queueNames: readonly string[], from: number): Arrival[] {
  const chance = createChance(from);
  const all: Arrival[] = [];
  for (const queue of (Object.keys(PER_MONTH) as Arrival['queue'][]).filter((name) => queueNames.includes(name))) {
    const next = (at: number) => nextArrival(chance, at, (times * PER_MONTH[queue]) / MONTH_DAYS);
    for (let at = next(from - BEGIN); at < from - BEGIN + hours * HOUR_MS; at = next(at))
      all.push({ at: BEGIN + at, queue });
  }
  return all.sort((a, b) => a.at - b.at);
}

/** What a soak sends, in words, for who confirms it. */
export function planText(soak: Soak, all: readonly Arrival[]): string {
  const count = (queue: string) => all.filter((one) => one.queue === queue).length;
  const events = `${count(ANALYTICS_QUEUE)} sessions of about ${TRAFFIC.eventsASession} events`;
  const { vendors } = soak;
  if (!vendors) return `${all.length - count(ANALYTICS_QUEUE)} canaries and ${events}`;
  return `${count('feedback')} tickets with the tag ${TAG}, ${count('emails')} mails and as many confirmations as tickets to @${vendors.domain}, ${count('testflight')} canaries and ${events}`;
}

/** Sends the traffic as it comes, waits for its ends, and returns the page: what the table, the bucket and the reconciler say. */
export async function soak(context: Context, asked: Soak, all: readonly Arrival[]): Promise<Page> {
  const { deps, producer, sleep, verify } = context;
  const begun = deps.clock.now();
  const run = `${TAG}-${begun}`;
  const sent: Page['sent'] = { accepted: {}, refused: {}, events: 0, repeated: 0, recipients: 0 };
  const jobs: { queue: string; id: string }[] = [];
  const sending: Promise<void>[] = [];
  const add = (to: Record<string, number>, what: string) => {
    to[what] = (to[what] ?? 0) + 1;
  };
  const send = (queue: string, n: number): void => {
    const id = sendOne(context, asked, { queue, key: `${run}-${n}` });
    const counted = id.then(
      (id) => {
        jobs.push({ queue, id });
        add(sent.accepted, queue);
      },
      () => add(sent.refused, queue),
    );
    sending.push(counted);
  };
  const track = async (n: number): Promise<void> => {
    const events = 1 + (n % (2 * TRAFFIC.eventsASession));
    for (let index = 0; index < events; index++) {
      const who = { user: `user-${n % 1_000}`, session: `${run}-${n}`, app: '3.1', platform: 'ios' as const };
      const time = new Date(deps.clock.now()).toISOString();
      await producer.track({ id: `${run}-${n}-${index}`, name: 'screen_viewed', ...who, time }).then(
        () => sent.events++,
        () => add(sent.refused, 'events'),
      );
      await sleep(Math.min(EVENT_EVERY_MS, (asked.hours * HOUR_MS) / events / 2));
    }
  };
  for (const [n, { at, queue }] of all.entries()) {
    await sleep(Math.max(0, at - deps.clock.now()));
    if (queue === ANALYTICS_QUEUE) sending.push(track(n));
    else send(queue, n);
  }
  await Promise.all(sending);
  await producer.flush();

  const rows: JobRow[] = [];
  for (const job of jobs) {
    const what = `${jobs.length - rows.length} of ${jobs.length} jobs have not ended`;
    rows.push(await rowThat(context, job, { what, fits: ({ state }) => isEnd(state) }));
  }
  const look = storedEvents(deps, { run, from: begun });
  const stored = await until(context, { what: 'events are missing in S3', withinMs: context.waits.jobMs }, async () => {
    const found = await look();
    return [found.events >= sent.events && found, `${found.events} of ${sent.events}`];
  });
  const findings = await verify({ from: begun, to: deps.clock.now() });
  const facts = Object.values(await storedFacts(deps)).filter(({ since }) => since >= begun);
  return pageOf({ hours: asked.hours, sent, rows, stored, findings, facts });
}

/** Sends a job, or a canary in its place. Resolves to its id. */
async function sendOne({ deps, producer }: Context, { vendors }: Soak, { queue, key }: { queue: string; key: string }) {
  const options = { key, system: true } as const;
  const text = 'Sent by npm run accept. Please ignore it.';
  if (vendors && queue === 'feedback') {
    const user = { email: `${key}@${vendors.domain}` };
    return (await producer.feedback({ user, subject: 'A soak', message: text, tags: [TAG] }, options)).id;
  }
  if (vendors && queue === 'emails') {
    const to = { email: `${key}@${vendors.domain}` };
    return (await producer.email({ from: { email: vendors.from }, to, subject: 'A soak', text }, options)).id;
  }
  const id = deps.random.uuid();
  await sendCanary(deps, queue, { id, at: deps.clock.now() });
  return id;
}

/** Finds the events of this run among the originals of its hours. No original changes, so it reads each once. */
export function storedEvents(
  { objects, prefix, clock }: Pick<Deployment, 'objects' | 'prefix' | 'clock'>,
  { run, from }: { run: string; from: number },
) {
  const read = new Set<string>();
  const stored = { events: 0, objects: 0, kib: 0 };
  return async () => {
    for (let hour = from - (from % HOUR_MS); hour <= clock.now(); hour += HOUR_MS)
      for (const key of await objects.list(hourIn(dataPrefix(prefix), hour))) {
        if (read.has(key)) continue;
        const object = (await objects.get(key)) ?? new Uint8Array();
        read.add(key);

        const found = gunzipSync(object).toString().split(`"session":"${run}-`).length - 1;
        if (found === 0) continue;
        stored.events += found;
        stored.objects += 1;
        stored.kib += object.length / 1024;
      }
    return stored;
  };
}

interface Seen {
  hours: number;
  sent: Page['sent'];
  rows: readonly JobRow[];
  stored: Awaited<ReturnType<ReturnType<typeof storedEvents>>>;
  findings: { kind: string }[];
  facts: { kind: string; subject: string; code?: string | undefined; since: number }[];
}

function pageOf({ hours, sent, rows, stored, findings, facts }: Seen): Page {
  const iso = (ms: number) => new Date(ms).toISOString();
  const records = rows.map((row) => ({
    ...{ state: row.state, holds: row.holds, without: row.without ?? [], queue: row.queue },
    ...{ time: iso(row.sentAt ?? row.createdAt), ...(row.error && { error: row.error }) },
    ...(row.endedAt !== undefined && { endedAt: iso(row.endedAt) }),
  }));
  const names = [...new Set(rows.map(({ queue }) => queue))];
  const jobs = Object.fromEntries(names.map((name) => [name, jobsOf(records.filter(({ queue }) => queue === name))]));
  const seconds = rows.map((row) => ((row.endedAt ?? 0) - (row.sentAt ?? row.createdAt)) / 1_000);
  const average = seconds.reduce((sum, one) => sum + one, 0) / Math.max(1, seconds.length);
  const failed = (100 * rows.filter(({ state }) => state !== 'succeeded').length) / Math.max(1, rows.length);
  const refused = Object.values(sent.refused).reduce((sum, n) => sum + n, 0);
  const accepted = 100 - (100 * refused) / Math.max(1, rows.length + sent.events + refused);
  const kinds: Record<string, number> = {};
  for (const { kind } of findings) kinds[kind] = (kinds[kind] ?? 0) + 1;
  const events = { stored: stored.events, rejected: 0, objects: stored.objects, hours: 0 };
  return {
    ...{ days: (hours * HOUR_MS) / DAY_MS, sent, jobs, findings: kinds, cost: {}, operators: [], used: {} },
    mails: { accepted: 0, twice: 0, campaigns: {} },
    events: { ...events, perMessage: stored.events / Math.max(1, stored.objects) },
    traffic: { feedback: 0, mails: 0, recipients: 0, testflight: 0, events: stored.events },
    objects: { 'analytics-originals': { count: stored.objects, kib: stored.kib } },
    chat: facts.map(({ kind, subject, code, since }) => {
      return { at: iso(since).slice(0, 16), title: `${kind} ${subject}`, cause: code ?? '', needless: false };
    }),
    goals: [
      { goal: 'average time to finish, s', figure: average.toFixed(1), met: average < 30 },
      { goal: 'failed, %', figure: failed.toFixed(2), met: failed < 1 },
      { goal: 'accepted at the first try, %', figure: accepted.toFixed(3), met: accepted >= 99.9 },
      { goal: 'events missing in S3', figure: String(sent.events - stored.events), met: stored.events === sent.events },
      { goal: 'findings of sls verify', figure: String(findings.length), met: findings.length === 0 },
      { goal: 'facts that the reconciler told', figure: String(facts.length), met: facts.length === 0 },
    ],
  };
}
