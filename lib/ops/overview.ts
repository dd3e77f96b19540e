import { factName, type StoredFact, storedFacts } from '../alarms/fact';
import { type AnyKind, KINDS, parseAlarmName } from '../alarms/kinds';
import { mapEach } from '../concurrency';
import { type Vendor, vendorsOf } from '../errors';
import { functionName, rateKey, reconcilerKey, type TodoKind, todoKey } from '../jobs/keys';
import { readItem } from '../jobs/ledger';
import type { ReconcilerRun } from '../jobs/run-lease';
import { isHalfOpen, isOpen } from '../limits/circuit';
import { type RateItem, takenMs } from '../limits/rate';
import type { Depth, MetricPoint, MetricQuery } from '../ports';
import type { Deployment } from './operator';
import { pauseOf, resumeBefore } from './pause';

/** A count of index entries. `more`: counting stopped there, so there are at least that many. */
export interface Counted {
  count: number;
  more: boolean;
}

/** What a queue did in a window, for a chart. Each point is a period. Times are milliseconds. */
export interface Activity {
  succeeded: MetricPoint[];
  dead: MetricPoint[];
  /** The average duration of an invocation of the worker. */
  processingMs: MetricPoint[];
  /** How many invocations there were. */
  runs: MetricPoint[];
}

/** Held jobs by what they wait for. `timed`: a time, after a 429 or a failed attempt. `stopped`: by vendor. */
export interface Held {
  timed: Counted;
  stopped: Partial<Record<Vendor, Counted>>;
  paused: Counted;
  unknown: Counted;
}

export interface QueueFigures extends Depth {
  queue: string;
  /** Seconds. Absent if CloudWatch has no data. */
  oldestSeconds?: number;
  /** Messages in the DLQ, in flight or not. */
  dead: number;
  held: Held;
  lastHour: Activity;
  lastDay: Activity;
  /** Whether Lambda receives from the queue. Absent: it has no mapping. */
  receives?: boolean;
  /** `resumeBefore`: when the oldest message has waited for half of the retention. */
  pause?: { since: number; by: string; reason: string; resumeBefore: number };
}

export interface VendorFigures {
  vendor: Vendor;
  circuit: 'closed' | 'open' | 'half-open';
  since?: number;
  code?: string;
  /** Calls in the last hour. */
  calls: MetricPoint[];
  /** The sending rate that all workers share. `takenMs`: for how long from now it is taken. */
  rate?: { perSecond: number; takenMs: number };
}

/** An alarm or a fact that is on. `subject`: the queue, vendor or campaign. */
export interface Ringing {
  name: string;
  kind: AnyKind;
  subject: string;
  title: string;
  since: number;
}

export interface Overview {
  at: number;
  queues: QueueFigures[];
  vendors: VendorFigures[];
  /** When the last run of the reconciler ended. */
  reconciledAt?: number;
  /** The alarms that are firing now, the newest first. */
  alarms: Ringing[];
}

const AT_ONCE = 32;
/** Counting more would take longer than a look at a screen. */
const MOST_COUNTED = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const HOUR_PERIOD = 60;
const DAY_PERIOD = 1_800;

/**
 * The figures of a deployment: queues, vendors, reconciler, alarms. It reads a few index pages, items, queue attributes and
 * metrics side by side, and never scans the table.
 */
export async function overview(deps: Deployment): Promise<Overview> {
  const now = deps.clock.now();
  const measures = Promise.all([
    measured(deps, now, HOUR_MS, HOUR_PERIOD),
    measured(deps, now, DAY_MS, DAY_PERIOD),
  ] as const);
  const [queues, vendors, run, watched, facts] = await Promise.all([
    mapEach(deps.queueNames, AT_ONCE, (queue) => queueOf(deps, queue, measures)),
    mapEach(vendorsOf(deps.queueNames), AT_ONCE, (vendor) => vendorOf(deps, vendor, measures)),
    readItem(deps, reconcilerKey) as Promise<ReconcilerRun | undefined>,
    deps.monitoring.ringing(`${deps.instance}-`),
    storedFacts(deps),
  ]);
  return {
    at: now,
    queues,
    vendors,
    ...(run?.endedAt === undefined ? {} : { reconciledAt: run.endedAt }),
    alarms: [...watched.flatMap((alarm) => ringing(deps, alarm)), ...Object.values(facts).flatMap(told)].toSorted(
      (a, b) => b.since - a.since,
    ),
  };
}

/** What CloudWatch has measured in the last hour and in the last day. */
type Measures = Promise<readonly [Measured, Measured]>;
type Measured = Awaited<ReturnType<typeof measured>>;

async function queueOf(deps: Deployment, queue: string, measures: Measures): Promise<QueueFigures> {
  const { queues, clock, mappings, table, settings } = deps;
  const [[hour, day], depth, dlq, held, receives, pause] = await Promise.all([
    measures,
    queues.depth(deps.queueUrl(queue)),
    queues.depth(deps.dlqUrl(queue)),
    heldOf(deps, queue),
    mappings.isOn(queue),
    pauseOf(table, queue),
  ]);
  const oldestSeconds = hour.oldest(queue);
  const oldestAt = clock.now() - (oldestSeconds ?? 0) * 1000;
  const until = pause && resumeBefore(Math.min(oldestAt, pause.at), settings(queue));
  return {
    queue,
    ...depth,
    ...(oldestSeconds === undefined ? {} : { oldestSeconds }),
    dead: dlq.visible + dlq.inFlight,
    held,
    lastHour: hour.activity(queue),
    lastDay: day.activity(queue),
    ...(receives === undefined ? {} : { receives }),
    ...(pause && until && { pause: { since: pause.at, by: pause.by, reason: pause.reason, resumeBefore: until } }),
  };
}

/** The name of another instance may begin with ours. */
function ringing({ instance, queueNames }: Deployment, alarm: { name: string; since: number }): Ringing[] {
  const known = parseAlarmName(alarm.name, { instance, queues: queueNames });
  return known ? [{ ...alarm, ...known, title: KINDS[known.kind].title }] : [];
}

const told = ({ quiet, ...fact }: StoredFact): Ringing[] =>
  quiet ? [] : [{ name: factName(fact), ...fact, title: KINDS[fact.kind].title }];

async function heldOf({ table, circuits }: Deployment, queue: string): Promise<Held> {
  const upToMost = (count: number): Counted => ({
    count: Math.min(count, MOST_COUNTED),
    more: count >= MOST_COUNTED,
  });
  const counted = async (kind: TodoKind, vendor?: string): Promise<Counted> =>
    upToMost(await table.count(todoKey(queue, kind, vendor), { since: 0, most: MOST_COUNTED }));
  const stopped: Held['stopped'] = {};
  const [held, planned] = await Promise.all([counted('held'), counted('planned')]);
  let timed = upToMost(held.count + planned.count);
  for (const vendor of vendorsOf([queue])) {
    const waiting = await counted('held', vendor);
    if (isOpen(await circuits.read(vendor))) stopped[vendor] = waiting;
    else timed = upToMost(timed.count + waiting.count);
  }
  const [paused, unknown] = await Promise.all([counted('paused'), counted('unknown')]);
  return { timed, paused, unknown, stopped };
}

async function vendorOf(deps: Deployment, vendor: Vendor, measures: Measures): Promise<VendorFigures> {
  const [[hour], circuit, rate] = await Promise.all([
    measures,
    deps.circuits.read(vendor),
    deps.table.get(rateKey(vendor)) as Promise<RateItem | undefined>,
  ]);
  const now = deps.clock.now();
  return {
    vendor,
    circuit: !isOpen(circuit) ? 'closed' : isHalfOpen(circuit, now) ? 'half-open' : 'open',
    ...(isOpen(circuit) && { since: circuit.stoppedAt, ...(circuit.code && { code: circuit.code }) }),
    calls: hour.calls(vendor),
    ...(rate && { rate: { perSecond: rate.rate, takenMs: takenMs(rate, now) } }),
  };
}

/** One request for everything that a window needs from CloudWatch. */
async function measured(deps: Deployment, now: number, lengthMs: number, periodSeconds: number) {
  const { instance, queueNames, monitoring, names } = deps;
  const own = (name: string, statistic: MetricQuery['statistic'], dimensions: Record<string, string>): MetricQuery => ({
    ...{ namespace: instance, name, statistic, dimensions },
  });
  const queries = new Map<string, MetricQuery>();
  for (const queue of queueNames) {
    queries.set(`succeeded ${queue}`, own('JobsSucceeded', 'Sum', { queue }));
    queries.set(`dead ${queue}`, own('JobsDead', 'Sum', { queue }));
    const worker = { FunctionName: functionName(instance, queue) };
    queries.set(`ms ${queue}`, { ...own('Duration', 'Average', worker), namespace: 'AWS/Lambda' });
    queries.set(`runs ${queue}`, { ...own('Duration', 'SampleCount', worker), namespace: 'AWS/Lambda' });
    queries.set(`oldest ${queue}`, {
      ...own('ApproximateAgeOfOldestMessage', 'Maximum', { QueueName: names(queue).main }),
      namespace: 'AWS/SQS',
    });
  }
  for (const vendor of vendorsOf(queueNames))
    queries.set(`calls ${vendor}`, own('VendorTime', 'SampleCount', { vendor }));
  const window = { from: now - lengthMs, to: now, periodSeconds };
  const series = await monitoring.series([...queries.values()], window);
  const keys = [...queries.keys()];
  const points = (key: string): MetricPoint[] => series[keys.indexOf(key)] ?? [];
  return {
    oldest: (queue: string) => points(`oldest ${queue}`).at(-1)?.value,
    calls: (vendor: Vendor) => points(`calls ${vendor}`),
    activity: (queue: string): Activity => ({
      succeeded: points(`succeeded ${queue}`),
      dead: points(`dead ${queue}`),
      processingMs: points(`ms ${queue}`),
      runs: points(`runs ${queue}`),
    }),
  };
}

export const sumOf = (points: readonly MetricPoint[]): number => points.reduce((sum, { value }) => sum + value, 0);

/** The average processing time of the window. `undefined`: there was no run. */
export function meanMs({ processingMs, runs }: Pick<Activity, 'processingMs' | 'runs'>): number | undefined {
  const counts = new Map(runs.map(({ at, value }) => [at, value]));
  const weighted = processingMs.map(({ at, value }) => ({ at, value: value * (counts.get(at) ?? 1) }));
  return runs.length === 0 ? undefined : sumOf(weighted) / sumOf(runs);
}
