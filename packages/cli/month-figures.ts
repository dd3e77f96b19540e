import { basename, dirname } from 'node:path';
import { auditKey, hourPartition, jobKey, recordFolder, verifiedKey } from '../../lib/engine/jobs/keys';
import { rowOfRecord } from '../../lib/engine/jobs/record';
import type { JobEvent, JobRow } from '../../lib/engine/jobs/row';
import { UnreadableRowError } from '../../lib/engine/jobs/row-schema';
import { auditNote, type Deployment } from '../../lib/operate/ops/operator';
import { mapEach } from '../../lib/platform/concurrency';
import { groupBy } from '../../lib/platform/group-by';
import type { MetricQuery, Monitoring } from '../../lib/platform/ports';
import { ANALYTICS_QUEUE } from '../../lib/queues/analytics/queue';
import type { DayVerified } from '../verify/instance';

const DAY_MS = 86_400_000;
const READS = 32;

export const ENDS = ['succeeded', 'dead', 'cancelled'] as const;
type End = (typeof ENDS)[number];

type Span = Record<'from' | 'to', number>;
type Progress = (done: number, of: number) => void;

type Read = Pick<Deployment, 'objects' | 'prefix' | 'queueNames' | 'instance'> & {
  monitoring: Pick<Monitoring, 'series'>;
};

export type Figures = Awaited<ReturnType<typeof monthFigures>>;

/**
 * The figures of the time from `from` to `to`, in ms since 1970. Ends of jobs come from their records; those of
 * analytics come from CloudWatch, because most of these jobs have no record. Nothing in it is personal. Rejects with a
 * StoreError.
 */
export async function monthFigures(deps: Read, { from, to, progress }: Span & { progress: Progress }) {
  const { queueNames, instance, monitoring } = deps;
  const dates: string[] = [];
  for (let day = from; day < to; day += DAY_MS) dates.push(dayOf(day));
  const { records, jobs } = await jobsIn(deps, dates, progress);

  /** Sums of a metric: of a day, or of all. */
  const measured = async (name: string, of = [{}], statistic: MetricQuery['statistic'] = 'Sum') => {
    const queries = of.map((dimensions) => ({ namespace: instance, name, statistic, dimensions }));
    const window = { from, to, periodSeconds: DAY_MS / 1000 };
    const points = queries.length > 0 ? (await monitoring.series(queries, window)).flat() : [];
    return (date?: string): number =>
      points.reduce((sum, { at, value }) => sum + (date === undefined || date === dayOf(at) ? value : 0), 0);
  };
  const each = queueNames.map((queue) => ({ queue }));
  const analytics = each.filter(({ queue }) => queue === ANALYTICS_QUEUE);
  const inTime = await measured('Canary', each);
  const canaries = await measured('Canary', each, 'SampleCount');
  const unrecorded = {
    succeeded: await measured('JobsSucceeded', analytics),
    dead: await measured('JobsDead', analytics),
    cancelled: () => 0,
  };
  const byQueue = groupBy(jobs, ({ queue }) => queue);
  const byDay = groupBy(jobs, ({ day }) => day);
  const reportOfQueue = (name: string) =>
    reportOf(byQueue.get(name) ?? [], (end) => (name === ANALYTICS_QUEUE ? unrecorded[end]() : 0));
  return {
    records,
    damaged: records - jobs.length,
    mails: count(jobs, ({ isMail }) => isMail),
    without: countsOf(jobs.flatMap(({ lacks }) => lacks)),
    chunks: count(jobs, ({ state, isChunk }) => isChunk && state === 'succeeded'),
    mailEvents: (await measured('EmailEvents'))(),
    accepted: (await measured('EventsAccepted'))(),
    rejected: (await measured('EventsRejected'))(),
    all: reportOf(jobs, (end) => unrecorded[end]()),
    queues: Object.fromEntries(queueNames.map((name) => [name, reportOfQueue(name)])),
    waits: byCount(jobs.flatMap(({ wait }) => wait)),
    acts: await actsIn(deps, { from, to, jobs }),
    days: dates.map((day) => ({
      day,
      ...endsOf(byDay.get(day) ?? [], (end) => unrecorded[end](day)),
      canaries: canaries(day),
      inTime: inTime(day),
    })),
    verified: await verifiedIn(deps, dayOf(from).slice(0, 7)),
  };
}

/** How many records of jobs these days have, and the jobs of the readable ones. */
async function jobsIn({ objects, prefix, queueNames }: Read, dates: readonly string[], progress: Progress) {
  const recorded = queueNames.filter((name) => name !== ANALYTICS_QUEUE);
  const days = dates.flatMap((date) => recorded.map((queue) => ({ queue, date })));
  const listed = await mapEach(days, READS, async ({ queue, date }) => {
    const folder = hourPartition(recordFolder(prefix, queue), Date.parse(date)).replace('hour=00/', '');
    return (await objects.list(folder)).map((key) => ({ key, queue }));
  });
  const keys = listed.flat();
  let done = 0;
  const read = await mapEach(keys, READS, async ({ key, queue }) => {
    const text = Buffer.from((await objects.get(key)) ?? '').toString('utf8');
    progress(++done, keys.length);
    try {
      return [jobOf(rowOfRecord(text, jobKey(queue, basename(key, '.json'))))];
    } catch (error) {
      if (error instanceof UnreadableRowError) return [];
      throw error;
    }
  });
  return { records: keys.length, jobs: read.flat() };
}

const count = (of: readonly Job[], has: (job: Job) => boolean) => of.filter(has).length;

/** `more`: ends that have no record. */
const endsOf = (of: readonly Job[], more: (end: End) => number) => {
  const ended = (end: End) => count(of, ({ state }) => state === end) + more(end);
  return { succeeded: ended('succeeded'), dead: ended('dead'), cancelled: ended('cancelled') };
};

const reportOf = (of: readonly Job[], more: (end: End) => number) => ({
  ...endsOf(of, more),
  waited: count(of, ({ waited }) => waited),
  codes: countsOf(of.flatMap(({ state, code }) => (state === 'dead' ? [code] : []))),
  finish: timesOf(of.map(({ finish, waited }) => (waited ? Number.NaN : finish))),
  vendorWaits: timesOf(of.map(({ finish, vendor }) => (vendor ? finish : Number.NaN))),
  otherWaits: timesOf(of.map(({ finish, waited, vendor }) => (waited && !vendor ? finish : Number.NaN))),
  accept: timesOf(of.map(({ accept }) => accept)),
});

const countsOf = (all: readonly string[]): Record<string, number> =>
  Object.fromEntries([...groupBy(all, (one) => one)].map(([one, { length }]) => [one, length]));

const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

type Job = ReturnType<typeof jobOf>;

const VENDOR_HOLDS: readonly JobEvent[] = ['held (stopped)', 'held (throttled)', 'held (retry)'];

/**
 * What the report keeps of a record. `waited`: a vendor or an operator let the job wait, or it was opened again.
 * `vendor`: it waited for a vendor, `wait` says when for which. `audits`: the notes about what operators did to it.
 * `finish`: from acceptance, or from the time of a planned job, to success. `accept`: from the call of the producer
 * until the queue, or the table for a planned job, had the job, both by the producer's clock. Chunks of campaigns have
 * neither. Both are ms, or NaN. `code`: of a dead job.
 */
function jobOf(row: JobRow) {
  const { queue, state, type, time, notBefore, endedAt = 0, holds, generation, error, parent, steps, history } = row;
  const at = (event: JobEvent) => history.find((entry) => entry.event === event)?.at ?? Number.NaN;
  const isChunk = parent !== undefined;
  const waited = holds > (notBefore === undefined ? 0 : 1) || generation > 1;
  const held = waited ? history.findLast(({ event }) => VENDOR_HOLDS.includes(event)) : undefined;
  const finish = state === 'succeeded' && !isChunk ? endedAt - Math.max(time, notBefore ?? 0) : Number.NaN;
  const sent = [type === 'email.message.v1' && state, steps.confirmation?.status, steps.notification?.status];
  return {
    queue,
    state,
    isChunk,
    waited,
    vendor: held !== undefined,
    wait: held ? [{ day: dayOf(held.at), queue, vendor: held.error?.vendor ?? 'a vendor', longest: finish || 0 }] : [],
    audits: history.flatMap(({ event, note }) => (event.endsWith(' (operator)') && note ? [note] : [])),
    day: dayOf(time),
    isMail: sent.some((outcome) => outcome === 'succeeded' || outcome === 'done'),
    code: error?.code ?? 'unknown',
    lacks: (row.without ?? []).map(({ what, code }) => `${what} ${code}`),
    finish,
    accept: isChunk ? Number.NaN : (at('sent') || at('planned')) - at('accepted'),
  };
}

/** What the report needs of an audit object. `reads`: it was for what shows personal data, and changed nothing. */
type Audit = Record<'id' | 'at' | 'action', string> & { reason?: string; reads?: true };

/** What operators did in order of time, why, and to how many jobs. */
async function actsIn(deps: Read, { from, to, jobs }: Span & { jobs: readonly Job[] }) {
  const done = countsOf(jobs.flatMap(({ audits }) => audits));
  const audits = await auditsIn(deps, { from, to });
  return audits.map(({ id, at, action, reason = '' }) => ({
    day: at.slice(0, 10),
    act: action.replace('console ', '').replace('.', ' '),
    // Nothing in the report is personal.
    reason: reason.includes('@') ? 'names an address' : reason,
    jobs: done[auditNote(id)] ?? 0,
  }));
}

async function auditsIn({ objects, prefix }: Read, { from, to }: Span): Promise<Audit[]> {
  // Ids are UUIDv7, which begin with their time.
  const keyAt = (time: number) => auditKey(prefix, time.toString(16).padStart(12, '0').replace(/^.{8}/, '$&-'));
  const listed = await objects.list(`${dirname(keyAt(from))}/`, { after: keyAt(from) });
  const inTime = listed.filter((key) => key < keyAt(to));
  const read = await mapEach(inTime, READS, (key) => objects.get(key));
  const audits = read.flatMap((bytes) => (bytes ? [JSON.parse(Buffer.from(bytes).toString()) as Audit] : []));
  return audits.filter(({ reads }) => !reads);
}

/** How often each happened, the most frequent first. `longest`: of all that are alike, in ms. */
function byCount<Of extends { longest: number }>(all: readonly Of[]): (Of & { jobs: number })[] {
  const groups = groupBy(all, ({ longest: _longest, ...of }) => JSON.stringify(of));
  const counts = [...groups.values()].map((of) => {
    return { ...(of[0] as Of), jobs: of.length, longest: Math.max(...of.map(({ longest }) => longest)) };
  });
  return counts.sort((a, b) => b.jobs - a.jobs);
}

/** ms. Ignores what is no number: such a job has no time. */
function timesOf(all: readonly number[]) {
  const sorted = all
    .filter((ms) => !Number.isNaN(ms))
    .map((ms) => Math.max(0, ms))
    .sort((a, b) => a - b);
  const jobs = sorted.length;
  const below = (part: number): number => sorted[Math.ceil(part * jobs) - 1] ?? 0;
  const average = jobs === 0 ? 0 : Math.round(sorted.reduce((sum, ms) => sum + ms, 0) / jobs);
  return { jobs, average, p50: below(0.5), p95: below(0.95), p99: below(0.99), longest: below(1) };
}

async function verifiedIn({ objects, prefix }: Read, month: string) {
  const keys = (await objects.list(verifiedKey(prefix, ''))).filter((key) => key.includes(`/${month}-`));
  const found = { days: 0, incomplete: 0, checked: 0, differences: 0 };
  for (const key of keys) {
    const bytes = await objects.get(key);
    if (!bytes) continue;
    const { complete, checked, findings } = JSON.parse(Buffer.from(bytes).toString()) as DayVerified;
    found[complete ? 'days' : 'incomplete'] += 1;
    found.checked += checked;
    found.differences += Object.values(findings).reduce((sum, count) => sum + count, 0);
  }
  return found;
}
