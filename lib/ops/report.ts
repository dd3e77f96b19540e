import { throughAll } from '../concurrency';
import { ANALYTICS_QUEUE, hourPartition, recordFolder, verifiedKey } from '../jobs/keys';
import type { MetricQuery } from '../ports';
import { jsonOf } from '../text';
import type { Deployment } from './operator';

const DAY_MS = 86_400_000;
const READS = 32;
/** Keys in one answer of S3. */
const LISTED = 1_000;
/** A time is kept within one percent, so that any number of times takes little memory. */
const STEP = Math.log(1.01);

type End = 'succeeded' | 'dead' | 'cancelled';
const NO_ENDS: Record<End, number> = { succeeded: 0, dead: 0, cancelled: 0 };

/** What the check of a day found, as it is stored (`verifiedKey`). `findings`: how many of each kind. */
export interface DayVerified {
  day: string;
  /** False: it did not finish in time, so nothing is known about the day. */
  complete: boolean;
  checked: number;
  findings: Record<string, number>;
  /** Queues whose DLQ entries could not be compared. */
  hidden: string[];
}

/** The hours from `from` to `to`, in ms since 1970. It reads one of `every` records. */
interface Asked {
  from: number;
  to: number;
  every: number;
  /** Comes before the first record is read. `lists`: the calls that list them, to count them and to read them. */
  begins: (records: number, lists: number) => void;
  progress: (done: number, of: number) => void;
}

export type Figures = Awaited<ReturnType<typeof monthFigures>>;

/**
 * The figures of some hours. Ends of jobs come from their records; those of analytics come from CloudWatch, because most
 * of these jobs have no record. Nothing in it is personal. Rejects with a StoreError.
 */
export async function monthFigures(deps: Deployment, { from, to, every, begins, progress }: Asked) {
  const { objects, prefix, queueNames, instance, monitoring } = deps;
  const queues = new Map(queueNames.map((queue) => [queue, gathered()]));
  const all = gathered();
  const days = new Map<string, Day>();
  for (let day = from; day < to; day += DAY_MS) days.set(dayOf(day), { ...NO_ENDS, inTime: 0, canaries: 0 });
  const figures = { damaged: 0, mails: 0, chunks: 0, mailEvents: 0, accepted: 0, rejected: 0 };

  // The folder of a day, so that its keys fit into memory.
  const folders = [...days.keys()].flatMap((day) =>
    queueNames
      .filter((name) => name !== ANALYTICS_QUEUE)
      .map((queue) => hourPartition(recordFolder(prefix, queue), Date.parse(day)).replace('hour=00/', '')),
  );
  const sizes = new Map<string, number>();
  await throughAll(folders, async (folder) => sizes.set(folder, (await objects.list(folder)).length), READS);
  const full = folders.filter((folder) => sizes.get(folder));
  const records = full.reduce((sum, folder) => sum + (sizes.get(folder) ?? 0), 0);
  const of = Math.ceil(records / every);
  begins(of, folders.length + full.length + Math.ceil((2 * records) / LISTED));
  let done = 0;
  await throughAll(
    keys(),
    async (key) => {
      add(jsonOf(Buffer.from((await objects.get(key)) ?? '').toString('utf8')) as Stored | undefined);
      progress(++done, of);
    },
    READS,
  );

  async function* keys(): AsyncGenerator<string> {
    let place = 0;
    for (const folder of full) for (const key of await objects.list(folder)) if (place++ % every === 0) yield key;
  }

  function add(record: Stored | undefined): void {
    const queue = queues.get(record?.queue ?? '');
    if (!record?.time || !queue || !(record.state in NO_ENDS)) {
      figures.damaged += every;
      return;
    }
    const { state, type, time, notBefore = time, endedAt, holds = 0, error, campaign, steps = {} } = record;
    const at = (event: string) => Date.parse(record.history?.find((entry) => entry.event === event)?.at ?? '');
    const waited = holds > (record.notBefore === undefined ? 0 : 1);
    const finish = Date.parse(endedAt) - Math.max(Date.parse(time), Date.parse(notBefore));
    const accept = (at('sent') || at('planned')) - at('accepted');
    const isPaced = campaign !== undefined;
    for (const each of [queue, all]) {
      if (waited) each.waited += every;
      else if (state === 'succeeded' && !isPaced) each.finish.add(finish);
      if (!isPaced) each.accept.add(accept);
      const code = error?.code ?? 'unknown';
      if (state === 'dead') each.codes[code] = (each.codes[code] ?? 0) + every;
    }
    for (const each of [queue, all, days.get(time.slice(0, 10))]) if (each) each[state] += every;
    if (state === 'succeeded' && isPaced) figures.chunks += every;
    const sent = [type === 'email.message.v1' && state, steps.confirmation?.status, steps.notification?.status];
    if (sent.some((outcome) => outcome === 'succeeded' || outcome === 'done')) figures.mails += every;
  }

  const metrics: [MetricQuery, (value: number, day: Day) => void][] = [];
  const watch = (name: string, take: (value: number, day: Day) => void, dimensions = {}, count = false) =>
    metrics.push([{ namespace: instance, name, statistic: count ? 'SampleCount' : 'Sum', dimensions }, take]);
  const counted = (name: 'accepted' | 'rejected' | 'mailEvents') => (value: number) => {
    figures[name] += value;
  };
  watch('EventsAccepted', counted('accepted'));
  watch('EventsRejected', counted('rejected'));
  watch('EmailEvents', counted('mailEvents'));
  const analytics = queues.get(ANALYTICS_QUEUE);
  const ended = (end: End) => (value: number, day: Day) => {
    for (const each of [analytics, all, day]) if (each) each[end] += value;
  };
  if (analytics) watch('JobsSucceeded', ended('succeeded'), { queue: ANALYTICS_QUEUE });
  if (analytics) watch('JobsDead', ended('dead'), { queue: ANALYTICS_QUEUE });
  const canary = (name: 'inTime' | 'canaries') => (value: number, day: Day) => {
    day[name] += value;
  };
  for (const queue of queueNames) {
    watch('Canary', canary('inTime'), { queue });
    watch('Canary', canary('canaries'), { queue }, true);
  }
  const asked = metrics.map(([query]) => query);
  const series = await monitoring.series(asked, { from, to, periodSeconds: DAY_MS / 1000 });
  for (const [index, points] of series.entries())
    for (const { at, value } of points) {
      const day = days.get(dayOf(at));
      if (day) metrics[index]?.[1](value, day);
    }
  return {
    ...{ records, ...figures, all: reportOf(all) },
    queues: Object.fromEntries([...queues].map(([name, queue]) => [name, reportOf(queue)])),
    days: [...days].map(([day, figures]) => ({ day, ...figures })),
    verified: await verifiedIn(deps, dayOf(from).slice(0, 7)),
  };
}

const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

interface Day extends Record<End, number> {
  canaries: number;
  /** Canaries that were done in time. */
  inTime: number;
}

/** What the report reads of a record. Times are ISO 8601. */
interface Stored {
  queue: string;
  type?: string;
  state: End;
  time: string;
  endedAt: string;
  notBefore?: string;
  holds?: number;
  campaign?: string;
  error?: { code: string };
  steps?: Partial<Record<string, { status: string }>>;
  history?: { at: string; event: string }[];
}

/**
 * `waited`: jobs that a vendor or an operator let wait, which `finish` leaves out. `finish`: from acceptance, or from the
 * time of a planned job, to success. `accept`: from the call of the producer until the queue, or the table for a
 * planned job, had the job, both by the producer's clock. Chunks of campaigns have neither. `codes`: of dead jobs.
 */
const gathered = () => ({
  ...{ ...NO_ENDS, waited: 0, codes: {} as Record<string, number> },
  ...{ finish: histogram(), accept: histogram() },
});
const reportOf = ({ finish, accept, ...counts }: ReturnType<typeof gathered>) => ({
  ...counts,
  finish: finish.times(),
  accept: accept.times(),
});

export type Times = ReturnType<ReturnType<typeof histogram>['times']>;

function histogram() {
  const counts = new Map<number, number>();
  let jobs = 0;
  let sum = 0;
  return {
    /** Ignores what is no number: such a job has no time. */
    add(ms: number): void {
      if (Number.isNaN(ms)) return;
      const bucket = Math.round(Math.log1p(Math.max(0, ms)) / STEP);
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
      jobs += 1;
      sum += Math.max(0, ms);
    },
    /** ms */
    times() {
      const sorted = [...counts].sort(([a], [b]) => a - b);
      const below = (part: number): number => {
        let left = part * jobs;
        for (const [bucket, count] of sorted) {
          left -= count;
          if (left <= 0) return Math.round(Math.expm1(bucket * STEP));
        }
        return 0;
      };
      const average = jobs === 0 ? 0 : Math.round(sum / jobs);
      return { jobs, average, p50: below(0.5), p95: below(0.95), p99: below(0.99) };
    },
  };
}

/** What the nightly checks of a month have found. */
async function verifiedIn({ objects, prefix }: Deployment, month: string) {
  const keys = (await objects.list(verifiedKey(prefix, ''))).filter((key) => key.includes(`/${month}-`));
  const found = { days: 0, incomplete: 0, checked: 0, differences: 0 };
  for (const key of keys) {
    const bytes = await objects.get(key);
    const {
      complete,
      checked = 0,
      findings = {},
    } = (jsonOf(Buffer.from(bytes ?? '').toString()) ?? {}) as Partial<DayVerified>;
    found[complete ? 'days' : 'incomplete'] += 1;
    found.checked += checked;
    found.differences += Object.values(findings).reduce((sum, count) => sum + count, 0);
  }
  return found;
}
