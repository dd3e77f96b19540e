import { codeOf } from '../errors';
import type { Item, Log } from '../ports';
import { tallyKey } from './keys';
import { type ItemDeps, readItem, type Written, writeItem } from './ledger';
import { expectedOf } from './stored-row';

/** Sum, number and maximum of one measurement's values in one minute. */
export type Point = [sum: number, count: number, max: number];

/** The points of one measurement by the minute, in minutes since 1970. */
export type Series = Record<string, Point>;

/** Points by measurement, for example `JobsParked{queue=feedback}`. */
export type AllSeries = Record<string, Series>;

/** What a function measured in the last minutes, by measurement (key `tally#{function}`). All its processes write it. */
export interface Tally extends Item {
  series: AllSeries;
}

const isPoint = (value: unknown): boolean => Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
const isRecord = (value: unknown, holds: (each: unknown) => boolean): boolean =>
  typeof value === 'object' && value !== null && Object.values(value).every(holds);

/** Whether a stored value is sound. Each function's bundle has this, so it is written without a schema. */
export const isAllSeries = (value: unknown): value is AllSeries =>
  isRecord(value, (series) => isRecord(series, isPoint));

/** The series of a stored tally. A missing or damaged one has none, and the next write replaces it. */
export const seriesOf = (item: Item | undefined): AllSeries => (isAllSeries(item?.series) ? item.series : {});

const MINUTE_MS = 60_000;
/** A process writes at most once in this time, unless it measured what should not happen. */
const EVERY_MS = 1_000;
/** Another process may write at the same time. What this process cannot write now, it writes after its next batch. */
const TRIES = 3;

export const minuteOf = (at: number): number => Math.floor(at / MINUTE_MS);

export interface TallyWriter {
  /** Counts a value, in the minute of `at` or now. `urgent`: the next flush must write it. */
  add(measurement: string, value: number, options?: { at?: number; urgent?: boolean }): void;
  /** Writes what was counted, if it is time. Never rejects: the judgement of the alarms must not fail a job. */
  flush(): Promise<void>;
}

/**
 * Counts what one process of a function measures, and adds it to the function's tally. `keepMinutes`: how long the
 * reconciler looks back at a measurement.
 */
export function createTally(
  deps: ItemDeps & { log: Pick<Log, 'warn'> },
  { name, keepMinutes }: { name: string; keepMinutes: (measurement: string) => number },
): TallyWriter {
  const { clock, log } = deps;
  const key = tallyKey(name);
  let pending: AllSeries = {};
  let urgent = false;
  let nextAt = 0;
  let known: Item | undefined;

  async function write(): Promise<boolean> {
    known ??= await readItem(deps, key);
    for (let tried = 0; tried < TRIES; tried++) {
      const expected: number = known ? expectedOf(known) : 0;
      const item: Tally = { key, version: expected, writer: '', series: kept(added(seriesOf(known), pending)) };
      const result: Written<Tally, Item> = await writeItem({ ...deps, item, expected });
      known = result.written ? result.item : result.stored;
      if (result.written) return true;
    }
    return false;
  }

  function kept(series: AllSeries): AllSeries {
    return recent(series, (measurement) => minuteOf(clock.now()) - keepMinutes(measurement));
  }

  return {
    add(measurement, value, { at = clock.now(), urgent: now = false } = {}) {
      pending = added(pending, { [measurement]: { [minuteOf(at)]: [value, 1, value] } });
      urgent ||= now;
    },
    async flush() {
      if (Object.keys(pending).length === 0 || (!urgent && clock.now() < nextAt)) return;
      nextAt = clock.now() + EVERY_MS;
      try {
        if (!(await write())) return;
      } catch (error) {
        log.warn('measurements could not be stored', { code: codeOf(error) });
        return;
      }
      pending = {};
      urgent = false;
    },
  };
}

/** The points after the minute that each measurement needs no more. */
export const recent = (series: AllSeries, until: (measurement: string) => number): AllSeries =>
  Object.fromEntries(
    Object.entries(series).flatMap(([measurement, points]) => {
      const kept = Object.entries(points).filter(([minute]) => Number(minute) > until(measurement));
      return kept.length > 0 ? [[measurement, Object.fromEntries(kept)]] : [];
    }),
  );

/** The points of both, value by value. */
export function added(to: AllSeries, more: AllSeries): AllSeries {
  const sums = { ...to };
  for (const [measurement, points] of Object.entries(more)) {
    const series = { ...sums[measurement] };
    for (const [minute, point] of Object.entries(points)) series[minute] = joined(series[minute], point);
    sums[measurement] = series;
  }
  return sums;
}

const joined = (a: Point | undefined, b: Point): Point => (a ? [a[0] + b[0], a[1] + b[1], Math.max(a[2], b[2])] : b);
