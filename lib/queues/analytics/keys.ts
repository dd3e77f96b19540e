import { hourPartition } from '../../engine/jobs/keys';
import { ANALYTICS_QUEUE } from './queue';

/**
 * Keys of the analytics data, beside the records of jobs. They are a stored contract. `time` is the job's, in ms, and
 * partitions are UTC hours.
 */

export const HOUR_MS = 60 * 60_000;
/** An hour is written this long after its end. Until then its last messages come from the queue. */
export const SETTLE_MS = 15 * 60_000;
/** What is stored this long after its hour's end is late. The rest of SETTLE_MS is for clocks and slow calls. */
export const LATE_AFTER_MS = 10 * 60_000;

export const hourStart = (time: number): number => Math.floor(time / HOUR_MS) * HOUR_MS;

export const DATA_SUFFIX = '.ndjson.gz';

export const dataPrefix = (prefix: string): string => `${prefix}/${ANALYTICS_QUEUE}-originals/`;
export const rejectedPrefix = (prefix: string): string => `${prefix}/${ANALYTICS_QUEUE}-rejected/`;
export const latePrefix = (prefix: string): string => `${prefix}/${ANALYTICS_QUEUE}-late/`;
export const parquetPrefix = (prefix: string): string => `${prefix}/${ANALYTICS_QUEUE}-events/`;

/** An hour's part of such a folder. Late messages are in the hour in which they were stored. */
export const hourIn = (folder: string, time: number): string => hourPartition(folder.slice(0, -1), time);

export const dataKey = (prefix: string, { time, id }: { time: number; id: string }): string =>
  `${hourIn(dataPrefix(prefix), time)}${id}${DATA_SUFFIX}`;

export const rejectedKey = (prefix: string, { time, id }: { time: number; id: string }): string =>
  `${hourIn(rejectedPrefix(prefix), time)}${id}${DATA_SUFFIX}`;

/** The key for the second copy of a message that came late. Its name begins with the message's hour, YYYYMMDDHH. */
export function lateKey(prefix: string, { time, id, arrived }: { time: number; id: string; arrived: number }): string {
  const hour = new Date(time).toISOString().replace(/\D/g, '').slice(0, 10);
  return `${hourIn(latePrefix(prefix), arrived)}${hour}-${id}${DATA_SUFFIX}`;
}

/** An object without events (lib/queues/analytics/hours.ts). */
export const noneLateKey = (prefix: string): string => `${hourIn(latePrefix(prefix), 0)}none${DATA_SUFFIX}`;

export const partKey = (prefix: string, { hour, part, of }: { hour: number; part: number; of: number }): string =>
  `${hourIn(parquetPrefix(prefix), hour)}part-${part}-of-${of}.parquet`;

/** In no partition of the Parquet, so that no query engine takes it for events. */
export const countsKey = (prefix: string, hour: number): string =>
  `${hourIn(`${parquetPrefix(prefix)}_counts/`, hour)}counts.json`;

const HOUR = /\/year=(\d{4})\/month=(\d\d)\/day=(\d\d)\/hour=(\d\d)\//;
const LATE_HOUR = /\/(\d{4})(\d\d)(\d\d)(\d\d)-[^/]*$/;

const timeOf = ([, year, month, day, hour]: readonly string[]): number | undefined =>
  year === undefined ? undefined : Date.parse(`${year}-${month}-${day}T${hour}:00:00Z`);

/** The start of the hour in a key's partition, ms. `undefined` if the key has no partition. */
export const hourOf = (key: string): number | undefined => timeOf(HOUR.exec(key) ?? []);

export const hourOfLate = (key: string): number | undefined => timeOf(LATE_HOUR.exec(key) ?? []);
