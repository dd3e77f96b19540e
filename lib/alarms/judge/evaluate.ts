import { type AlarmDefinition, BREACHES } from './definition';
import { evaluateMath, type Value } from './math';
import type { MetricStore } from './metric-store';

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

export interface Evaluation {
  state: AlarmState;
  /** In CloudWatch's words. */
  reason: string;
}

/**
 * The alarm's state at a time, from the periods before it. `secondMs` is the length of a period's second here, so that
 * an alarm over minutes can be watched in seconds.
 */
export function evaluateAlarm(
  alarm: AlarmDefinition,
  {
    store,
    now,
    before,
    secondMs = 1000,
  }: { store: Pick<MetricStore, 'read'>; now: number; before: AlarmState; secondMs?: number },
): Evaluation {
  const periodMs = alarm.period * secondMs;
  const points = Array.from({ length: alarm.periods }, (_, back) => {
    const to = now - back * periodMs;
    const from = to - periodMs;
    const values = Object.entries(alarm.metrics).map(
      ([id, metric]) => [id, store.read(metric, metric.statistic, { from, to })] as const,
    );
    // Without this check, an expression of constants and missing metrics would have a value at any time.
    const measured = values.some(([, value]) => value !== undefined);
    return { at: from, value: measured ? evaluateMath(alarm.expression, Object.fromEntries(values)) : undefined };
  });
  const breaching = points.filter(({ value }) => breaches(alarm, value) === true).length;
  const fine = points.filter(({ value }) => breaches(alarm, value) === false).length;
  const state = breaching >= alarm.datapoints ? 'ALARM' : fine > alarm.periods - alarm.datapoints ? 'OK' : undefined;
  return { state: state ?? before, reason: reasonOf(alarm, points, breaching) };
}

/** `undefined` if a missing value has no meaning. */
function breaches({ comparison, threshold, silence }: AlarmDefinition, value: Value): boolean | undefined {
  if (value !== undefined) return BREACHES[comparison](value, threshold);
  return silence === 'breaching' ? true : silence === 'notBreaching' ? false : undefined;
}

const WORDS: Record<AlarmDefinition['comparison'], string> = {
  GreaterThanOrEqualToThreshold: 'greater than or equal to',
  GreaterThanThreshold: 'greater than',
  LessThanThreshold: 'less than',
  LessThanOrEqualToThreshold: 'less than or equal to',
};

function reasonOf(
  { comparison, threshold, periods, silence }: AlarmDefinition,
  points: { at: number; value: Value }[],
  breaching: number,
): string {
  const known = points.flatMap(({ at, value }) => (value === undefined ? [] : [`${decimal(value)} (${date(at)})`]));
  if (known.length === 0)
    return `Threshold Crossed: no datapoints were received for ${periods} periods and ${periods} missing datapoints were treated as [${silence === 'breaching' ? 'Breaching' : 'NonBreaching'}].`;
  return `Threshold Crossed: ${breaching} out of the last ${periods} datapoints [${known.join(', ')}] was ${breaching > 0 ? '' : 'not '}${WORDS[comparison]} the threshold (${decimal(threshold)}).`;
}

const decimal = (value: number): string => (Number.isInteger(value) ? `${value}.0` : String(value));

/** Formats a date as CloudWatch does, `dd/mm/yy hh:mm:ss`. */
function date(at: number): string {
  const [, yy = '', mm = '', dd = '', time = ''] = /^..(..)-(..)-(..)T(.{8})/.exec(new Date(at).toISOString()) ?? [];
  return `${dd}/${mm}/${yy} ${time}`;
}
