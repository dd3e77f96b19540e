import { type Limit, readPause, reconcilerRuns } from '../../engine/jobs/items';
import { reconcilerKey, todoKey } from '../../engine/jobs/keys';
import { dlqCounts } from '../../engine/reconcile/dead-letters';
import { factName, type StoredFact, storedFacts } from '../../engine/reconcile/facts';
import { isHalfOpen, isOpen, isStopped, limitsOf, nextTrialAt } from '../../engine/worker/circuit';
import { rateKey, rates, takenMs } from '../../mail/rate';
import type { Vendor } from '../../platform/errors';
import type { MetricPoint, MetricQuery } from '../../platform/ports';
import { timeText } from '../../platform/text';
import { vendorsOf } from '../../queues/queues';
import { type AnyKind, KINDS, parseAlarmName } from '../alarms/kinds';
import type { Deployment } from './operator';
import { oldestMetric, resumeBefore, trialText } from './pause';

/** A count of index entries. `more`: counting stopped there, so there are at least that many. */
export interface Counted {
  count: number;
  more: boolean;
}

/** Times are ms since 1970. */
export type Overview = Awaited<ReturnType<typeof overview>>;
export type QueueFigures = Overview['queues'][number];

/** An alarm of CloudWatch that is firing, or a fact. */
type Alarm = Omit<StoredFact, 'kind' | 'sent'> & { name: string; kind: AnyKind };

/** Counting more would take longer than an operator waits for a page. */
const MOST_COUNTED = 1_000;
const HOUR_MS = 3_600_000;
const HOUR = { lengthMs: HOUR_MS, periodSeconds: 60 };
const DAY = { lengthMs: 24 * HOUR_MS, periodSeconds: 1_800 };

/** CloudWatch bills each figure of each queue, each time it is asked for. */
export interface Asked {
  /** What was done in the last hour and day. */
  activity?: boolean;
  /** In place of the day: how many messages were in each queue, and how long its jobs took, over the last hour. */
  levels?: boolean;
}

/** The figures of a deployment, and the alarms and facts that are on, the newest first. It never scans the table. */
export async function overview(deps: Deployment, { activity = true, levels = false }: Asked = {}) {
  const { instance, queueNames, monitoring, clock } = deps;
  const at = clock.now();
  const hour = measured(deps, at, { ...HOUR, activity, levels });
  const measures = Promise.all([hour, activity && !levels ? measured(deps, at, { ...DAY, activity, levels }) : hour]);
  const [queues, [states, [points]], run, alarms, facts] = await Promise.all([
    Promise.all(queueNames.map((queue) => queueOf(deps, queue, { measures, levels }))),
    Promise.all([vendorStates(deps), measures]),
    reconcilerRuns.read(deps, reconcilerKey),
    monitoring.firing(`${instance}-`),
    storedFacts(deps),
  ]);
  const firing: Alarm[] = [
    // The name of another instance may begin with ours.
    ...alarms.flatMap((alarm) => {
      const known = parseAlarmName(alarm.name, { instance, queues: queueNames });
      return known ? [{ ...alarm, ...known }] : [];
    }),
    ...Object.values(facts).flatMap(({ quiet, ...fact }) => (quiet ? [] : [{ name: factName(fact), ...fact }])),
  ];
  const shown = firing.map((alarm) => ({ ...alarm, title: KINDS[alarm.kind].title }));
  const vendors = states.map((state) => ({ ...state, calls: points(state.vendor) }));
  return { at, queues, vendors, reconciledAt: run?.endedAt, alarms: shown.toSorted((a, b) => b.since - a.since) };
}

type Measured = Awaited<ReturnType<typeof measured>>;

async function queueOf(
  deps: Deployment,
  queue: string,
  { measures, levels }: { measures: Promise<[Measured, Measured]>; levels: boolean },
) {
  const { queues, clock, mappings, table, settings } = deps;
  const [[hour, day], depth, { entries, surplus }, expired, held, receives, pause] = await Promise.all([
    measures,
    queues.depth(deps.queueUrl(queue)),
    dlqCounts(deps, queue),
    table.count(todoKey(queue, 'expired'), { since: 0 }),
    heldOf(deps, queue),
    mappings.isOn(queue),
    readPause(deps, queue),
  ]);
  const ended = (points: Measured) => ({ succeeded: points(`${queue} succeeded`), dead: points(`${queue} dead`) });
  const oldestSeconds = hour(`${queue} oldest`).at(-1)?.value;
  const oldestAt = clock.now() - (oldestSeconds ?? 0) * 1000;
  return {
    queue,
    ...depth,
    held,
    lastHour: ended(hour),
    lastDay: ended(day),
    /** Over the last hour. `inQueue`: messages. `finish`: the time within which 95 of 100 jobs finish, in ms. */
    levels: levels ? { inQueue: hour(`${queue} in queue`), finish: hour(`${queue} finish`) } : undefined,
    /** `undefined`: CloudWatch has no data. */
    oldestSeconds,
    /** Jobs at which an operator must look, without discarded and replaced ones. */
    dead: entries - surplus + expired,
    /** DLQ entries of other jobs, which the reconciler has still to remove or to return. */
    leaving: Math.max(0, surplus),
    /** Whether Lambda receives from the queue. `undefined`: it has no mapping. */
    receives,
    pause: pause && {
      since: pause.at,
      by: pause.by,
      reason: pause.reason,
      resumeBefore: resumeBefore(Math.min(oldestAt, pause.at), settings(queue)),
    },
  };
}

/** Held jobs by what they wait for, also in words: a vendor, or a `time`, an operator or a campaign. Without those of none. */
async function heldOf({ table, circuits, clock }: Deployment, queue: string) {
  const ofVendor = async (vendor: Vendor): Promise<[kind: string, what: string, key: string]> => {
    const key = todoKey(queue, 'held', vendor);
    const stopped = isStopped(await circuits.read(vendor), clock.now());
    return stopped ? [vendor, `${vendor} stopped`, key] : ['time', UNTIL_TIME, key];
  };
  const kinds = [
    ['time', UNTIL_TIME, todoKey(queue, 'held')],
    ['time', UNTIL_TIME, todoKey(queue, 'planned')],
    ...(await Promise.all(vendorsOf([queue]).map(ofVendor))),
    ['paused', 'campaign paused', todoKey(queue, 'paused')],
    ['unknown', 'unknown step', todoKey(queue, 'unknown')],
  ] as const;
  const counts = await Promise.all(kinds.map(([, , key]) => table.count(key, { since: 0, most: MOST_COUNTED })));
  const held: Record<string, Counted & { what: string }> = {};
  for (const [index, [kind, what]] of kinds.entries()) {
    const count = (held[kind]?.count ?? 0) + (counts[index] ?? 0);
    if (count > 0) held[kind] = { what, count: Math.min(count, MOST_COUNTED), more: count >= MOST_COUNTED };
  }
  return held;
}

const UNTIL_TIME = 'until their time';

export type VendorState = Awaited<ReturnType<typeof vendorStates>>[number];

/** Each vendor's circuit and rate, and what operators have set. In words: `limits`, and `trial`, the next trial call. */
export const vendorStates = (deps: Deployment) =>
  Promise.all(
    vendorsOf(deps.queueNames).map(async (vendor) => {
      const { circuits, clock } = deps;
      const circuit = await circuits.read(vendor);
      const stored = await rates.read(deps, rateKey(vendor));
      const now = clock.now();
      const set = limitsOf(circuit, now);
      const state = isOpen(circuit) ? (isHalfOpen(circuit, now) ? 'half-open' : 'open') : 'closed';
      // The sending rate that all workers share. `takenMs`: for how long from now it is taken.
      const rate = stored && { perSecond: set.rate?.perSecond ?? stored.rate, takenMs: takenMs(stored, now) };
      const limits = Object.values(set).flatMap((limit) => (limit ? [`${vendor} ${limitText(limit)}`] : []));
      const trial = { nextTrialAt: nextTrialAt(circuit, now), trial: trialText(circuit, now) };
      return { vendor, circuit: state, since: circuit?.stoppedAt, code: circuit?.code, ...trial, rate, set, limits };
    }),
  );

const limitText = ({ at, by, reason, until, perSecond }: Limit & { perSecond?: number }): string =>
  [
    perSecond === undefined ? 'is paused' : `gets at most ${perSecond} recipients a second`,
    `since ${timeText(at)} (UTC) by ${by},`,
    `until ${until === undefined ? 'an operator ends it' : `${timeText(until)} (UTC)`}: ${reason}`,
  ].join(' ');

/** One request for everything that a window needs from CloudWatch. Returns the points by queue and figure, or vendor. */
async function measured(
  { instance, queueNames, monitoring, queueUrl }: Deployment,
  now: number,
  { lengthMs, periodSeconds, activity, levels }: typeof HOUR & { activity: boolean; levels: boolean },
) {
  const asked = new Map<string, MetricQuery>();
  for (const queue of queueNames) {
    const ofQueue = { namespace: instance, statistic: 'Sum', dimensions: { queue } } as const;
    const oldest = oldestMetric(queueUrl(queue));
    asked.set(`${queue} oldest`, oldest);
    if (levels) {
      asked.set(`${queue} in queue`, { ...oldest, name: 'ApproximateNumberOfMessagesVisible' });
      asked.set(`${queue} finish`, { ...ofQueue, name: 'TimeToFinish', statistic: 'p95' });
    }
    if (!activity) continue;
    asked.set(`${queue} succeeded`, { ...ofQueue, name: 'JobsSucceeded' });
    asked.set(`${queue} dead`, { ...ofQueue, name: 'JobsDead' });
  }
  for (const vendor of activity ? vendorsOf(queueNames) : [])
    asked.set(vendor, { namespace: instance, name: 'VendorTime', statistic: 'SampleCount', dimensions: { vendor } });
  const window = { from: now - lengthMs, to: now, periodSeconds };
  const series = await monitoring.series([...asked.values()], window);
  const keys = [...asked.keys()];
  return (key: string): MetricPoint[] => series[keys.indexOf(key)] ?? [];
}
