import { alarmName } from '../../lib/operate/alarms/kinds';
import type { MetricQuery } from '../../lib/platform/ports';
import { type Alarm, instanceAlarms, queueAlarms } from '../../resources/alarms';
import { functionsOf, type Instance } from '../../resources/instances/instance';
import { DAY_MS, MINUTE_MS } from './calendar';

interface Point {
  sum: number;
  max: number;
  count: number;
}

type Metric = Alarm['metrics'][string];
type State = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

/** What an alarm publishes when its state changes: the body of the message of its topic. */
export interface StateChange {
  name: string;
  from: State;
  to: State;
  at: number;
  body: string;
}

function idOf(namespace: string, name: string, dimensions: Record<string, string>): string {
  let id = `${namespace}|${name}`;
  for (const key in dimensions) id += `|${key}|${dimensions[key]}`;
  return id;
}

/** Points of a minute are kept for as long as the longest alarm looks back, and so are the sums of the month. */
const KEPT_MINUTES = 200;

/** CloudWatch's metrics by minute, and its alarms with their rules for periods, datapoints and missing data. */
export function createCloudwatch(instance: Instance) {
  const points = new Map<string, Map<number, Point>>();
  const sums = new Map<string, Point>();
  const days = new Map<string, Map<number, Point>>();
  /** The minute of a metric's last point. */
  const newest = new Map<string, number>();
  const alarms = [
    ...instance.rows.flatMap((row) => queueAlarms(row, instance)),
    ...instanceAlarms(instance, functionsOf(instance)),
  ];
  const states = new Map<Alarm, State>();
  const datapoints = new Map<Alarm, Map<number, number | undefined>>();
  // Each minute asks for them many times.
  const ids = new Map<Metric, string>();
  for (const metric of alarms.flatMap(({ metrics }) => Object.values(metrics)))
    ids.set(metric, idOf(metric.namespace, metric.name, metric.dimensions));
  const idOfRead = (metric: Metric): string => ids.get(metric) ?? '';

  function add(namespace: string, name: string, dimensions: Record<string, string>, value: number, at: number): void {
    const id = idOf(namespace, name, dimensions);
    const minute = Math.floor(at / MINUTE_MS);
    const byMinute = points.get(id) ?? new Map<number, Point>();
    points.set(id, byMinute);
    const byDay = days.get(id) ?? new Map<number, Point>();
    days.set(id, byDay);
    const day = at - (at % DAY_MS);
    for (const point of [pointOf(byMinute, minute), pointOf(byDay, day), pointOf(sums, id)])
      addTo(point, { sum: value, max: value, count: 1 });
    newest.set(id, minute);
    byMinute.delete(minute - KEPT_MINUTES);
  }

  /** The metric's value in the period that ends here. `undefined`: no data. */
  function statisticOf(metric: Metric, endsAt: number, minutes: number) {
    const byMinute = points.get(idOfRead(metric));
    const all: Point = { sum: 0, max: Number.NEGATIVE_INFINITY, count: 0 };
    for (let minute = endsAt - minutes; minute < endsAt; minute++) {
      const point = byMinute?.get(minute);
      if (point) addTo(all, point);
    }
    if (all.count === 0) return undefined;
    if (metric.statistic === 'Sum') return all.sum;
    return metric.statistic === 'Maximum' ? all.max : all.sum / all.count;
  }

  /** No point comes into a period that has ended, so each is computed once, as the alarm looks back at it each minute. */
  function datapoint(alarm: Alarm, endsAt: number): number | undefined {
    const known = datapoints.get(alarm) ?? new Map<number, number | undefined>();
    datapoints.set(alarm, known);
    if (!known.has(endsAt)) known.set(endsAt, computed(alarm, endsAt));
    known.delete(endsAt - KEPT_MINUTES);
    return known.get(endsAt);
  }

  function computed({ metrics, expression, period }: Alarm, endsAt: number): number | undefined {
    const minutes = period / 60;
    const values: Values = {};
    for (const key in metrics) values[key] = statisticOf(metrics[key] as Metric, endsAt, minutes);
    return expression === undefined ? Object.values(values)[0] : calculate(expression, values);
  }

  /** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html */
  function stateOf(alarm: Alarm, minute: number): State {
    const { threshold, below = false, period, periods = 1, datapoints: least = periods, silence } = alarm;
    const minutes = period / 60;
    const before = states.get(alarm) ?? 'INSUFFICIENT_DATA';
    let [real, breaching] = [0, 0];
    // The evaluation looks back further than the periods if some of them have no data.
    for (let n = 0; n < periods + 2 && real < periods; n++) {
      const value = datapoint(alarm, minute - n * minutes);
      if (value === undefined) continue;
      real++;
      if (below ? value < threshold : value >= threshold) breaching++;
    }
    if (real === 0) return withoutPoints(alarm);
    const missing = periods - real;
    if (silence === 'breaching') return breaching + missing >= least ? 'ALARM' : 'OK';
    if (breaching >= least) return 'ALARM';
    if (silence === 'ignore' && breaching + missing >= least) return before;
    return 'OK';
  }

  function hasPoints({ metrics, period, periods = 1 }: Alarm, minute: number): boolean {
    const since = minute - (period / 60) * (periods + 2);
    return Object.values(metrics).some((metric) => (newest.get(idOfRead(metric)) ?? 0) >= since);
  }

  function withoutPoints(alarm: Alarm): State {
    if (alarm.silence === 'ignore') return states.get(alarm) ?? 'INSUFFICIENT_DATA';
    return alarm.silence === 'breaching' ? 'ALARM' : 'OK';
  }

  return {
    add,
    alarms,
    /** How many metrics the alarms read, and which of our own there were. CloudWatch bills both. */
    billed: () => ({
      alarmMetrics: alarms.reduce((sum, { metrics }) => sum + Object.keys(metrics).length, 0),
      metrics: [...sums.keys()].filter((id) => id.startsWith(`${instance.name}|`)).length,
      dashboards: 1,
    }),
    sum: (name: string, dimensions: Record<string, string> = {}, namespace = instance.name) =>
      sums.get(idOf(namespace, name, dimensions))?.sum ?? 0,
    /** The sums of days, as the report asks for them. */
    series: async (metrics: readonly MetricQuery[], { from, to }: { from: number; to: number }) =>
      metrics.map(({ namespace, name, dimensions = {}, statistic }) =>
        [...(days.get(idOf(namespace, name, dimensions)) ?? [])]
          .filter(([at]) => at >= from && at < to)
          .map(([at, { sum, count }]) => ({ at, value: statistic === 'SampleCount' ? count : sum })),
      ),
    /** Evaluates all alarms at the end of a minute, and returns what has changed. */
    evaluate(at: number): StateChange[] {
      const minute = Math.floor(at / MINUTE_MS);
      return alarms.flatMap((alarm) => {
        const from = states.get(alarm) ?? 'INSUFFICIENT_DATA';
        const to = hasPoints(alarm, minute) ? stateOf(alarm, minute) : withoutPoints(alarm);
        states.set(alarm, to);
        if (from === to) return [];
        const name = alarmName(instance.name, alarm.kind, alarm.subject);
        return { name, from, to, at, body: bodyOf(alarm, { name, from, to, at }) };
      });
    },
  };
}

export type Cloudwatch = ReturnType<typeof createCloudwatch>;

function addTo(point: Point, { sum, max, count }: Point): void {
  point.sum += sum;
  point.max = Math.max(point.max, max);
  point.count += count;
}

function pointOf<K>(all: Map<K, Point>, key: K): Point {
  const found = all.get(key) ?? { sum: 0, max: Number.NEGATIVE_INFINITY, count: 0 };
  all.set(key, found);
  return found;
}

const bodyOf = ({ threshold, below }: Alarm, change: Omit<StateChange, 'body'>): string =>
  JSON.stringify({
    AlarmName: change.name,
    NewStateValue: change.to,
    OldStateValue: change.from,
    NewStateReason: 'Threshold Crossed',
    StateChangeTime: new Date(change.at).toISOString(),
    Trigger: {
      Threshold: threshold,
      ComparisonOperator: below ? 'LessThanThreshold' : 'GreaterThanOrEqualToThreshold',
    },
  });

type Values = Record<string, number | undefined>;

const RATE = /^IF\((\w+) \+ (\w+) >= (\d+), 100 \* (\w+) \/ \((\w+) \+ (\w+)\), 0\)$/;

/** The two forms of expressions that alarms have: a sum, whose parts may be filled with 0, and a rate of two metrics. */
export function calculate(expression: string, values: Values): number | undefined {
  const rate = RATE.exec(expression);
  if (rate) {
    const [, a = '', b = '', least, part = ''] = rate;
    const [first, second] = [values[a], values[b]];
    if (first === undefined || second === undefined) return undefined;
    const all = first + second;
    return all >= Number(least) ? (100 * (values[part] ?? 0)) / all : 0;
  }
  const terms = expression.split(' + ').map((term) => {
    const [, filled] = /^FILL\((\w+), 0\)$/.exec(term) ?? [];
    return filled === undefined ? values[term] : (values[filled] ?? 0);
  });
  if (Object.values(values).every((value) => value === undefined)) return undefined;
  return terms.includes(undefined) ? undefined : terms.reduce((sum: number, term) => sum + (term ?? 0), 0);
}
