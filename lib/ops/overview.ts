import { factName, type StoredFact, storedFacts } from '../alarms/fact';
import { type AnyKind, KINDS, parseAlarmName } from '../alarms/kinds';
import { mapEach } from '../concurrency';
import { type Vendor, vendorsOf } from '../errors';
import { functionName, rateKey, reconcilerKey, type TodoKind, todoKey } from '../jobs/keys';
import { readItem } from '../jobs/ledger';
import type { ReconcilerRun } from '../jobs/reconciler-run';
import { isHalfOpen, isOpen } from '../limits/circuit';
import { type RateItem, takenMs } from '../limits/rate';
import type { Depth, MetricPoint, MetricQuery } from '../ports';
import type { Deployment } from './deployment';
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
  const vendors = vendorsOf(deps.queueNames);
  const [hour, day, depths, held, states, circuits, run, watched, facts] = await Promise.all([
    measured(deps, now, HOUR_MS, HOUR_PERIOD),
    measured(deps, now, DAY_MS, DAY_PERIOD),
    mapEach(deps.queueNames, AT_ONCE, (queue) =>
      Promise.all([deps.queues.depth(deps.queueUrl(queue)), deps.queues.depth(deps.dlqUrl(queue))]),
    ),
    mapEach(deps.queueNames, AT_ONCE, (queue) => heldOf(deps, queue)),
    mapEach(deps.queueNames, AT_ONCE, (queue) => Promise.all([deps.mappings.isOn(queue), pauseOf(deps.table, queue)])),
    mapEach(vendors, AT_ONCE, (vendor) => vendorOf(deps, vendor, now)),
    readItem(deps, reconcilerKey) as Promise<ReconcilerRun | undefined>,
    deps.monitoring.ringing(`${deps.instance}-`),
    storedFacts(deps),
  ]);

  const queues = deps.queueNames.flatMap((queue, index): QueueFigures[] => {
    const [depth, dlq] = depths[index] ?? [];
    const waiting = held[index];
    const [receives, pause] = states[index] ?? [];
    if (!depth || !dlq || !waiting) return [];
    const oldestSeconds = hour.oldest(queue);
    const oldestAt = Math.min(now - (oldestSeconds ?? 0) * 1000, pause?.at ?? now);
    return [
      {
        queue,
        ...depth,
        ...(oldestSeconds === undefined ? {} : { oldestSeconds }),
        dead: dlq.visible + dlq.inFlight,
        held: waiting,
        lastHour: hour.activity(queue),
        lastDay: day.activity(queue),
        ...(receives === undefined ? {} : { receives }),
        ...(pause && {
          pause: {
            since: pause.at,
            by: pause.by,
            reason: pause.reason,
            resumeBefore: resumeBefore(oldestAt, deps.settings(queue)),
          },
        }),
      },
    ];
  });
  return {
    at: now,
    queues,
    vendors: circuits.map((vendor) => ({ ...vendor, calls: hour.calls(vendor.vendor) })),
    ...(run?.endedAt === undefined ? {} : { reconciledAt: run.endedAt }),
    alarms: [...watched.flatMap((alarm) => ringing(deps, alarm)), ...Object.values(facts).flatMap(told)].toSorted(
      (a, b) => b.since - a.since,
    ),
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

async function vendorOf(deps: Deployment, vendor: Vendor, now: number): Promise<Omit<VendorFigures, 'calls'>> {
  const [circuit, rate] = await Promise.all([
    deps.circuits.read(vendor),
    deps.table.get(rateKey(vendor)) as Promise<RateItem | undefined>,
  ]);
  return {
    vendor,
    ...(isOpen(circuit)
      ? {
          circuit: isHalfOpen(circuit, now) ? ('half-open' as const) : ('open' as const),
          since: circuit.stoppedAt,
          ...(circuit.code === undefined ? {} : { code: circuit.code }),
        }
      : { circuit: 'closed' as const }),
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
