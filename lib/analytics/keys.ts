import { hourPartition } from '../jobs/keys';
import { ANALYTICS_QUEUE } from './message';

/** Names of the analytics data in the bucket, a stored contract: `time` is the job's, in ms; partitions are UTC hours. */

export const DATA_SUFFIX = '.ndjson.gz';
const COMPACTED_SUFFIX = '.ndjson.zst';
const MANIFEST_SUFFIX = '.ndjson';

export const dataPrefix = (prefix: string): string => `${prefix}/${ANALYTICS_QUEUE}/`;
export const rejectedPrefix = (prefix: string): string => `${prefix}/${ANALYTICS_QUEUE}-rejected/`;
export const compactedPrefix = (prefix: string): string => `${prefix}/${ANALYTICS_QUEUE}-compacted/`;
export const manifestPrefix = (prefix: string): string => `${prefix}/${ANALYTICS_QUEUE}-manifests/`;

const partition = (prefix: string, what: string, time: number): string =>
  hourPartition(`${prefix}/${ANALYTICS_QUEUE}${what}`, time);

export const dataPartition = (prefix: string, time: number): string => partition(prefix, '', time);
export const rejectedPartition = (prefix: string, time: number): string => partition(prefix, '-rejected', time);
export const compactedPartition = (prefix: string, time: number): string => partition(prefix, '-compacted', time);
export const manifestPartition = (prefix: string, time: number): string => partition(prefix, '-manifests', time);

/** The events of one message. */
export const dataKey = (prefix: string, { time, id }: { time: number; id: string }): string =>
  `${dataPartition(prefix, time)}${id}${DATA_SUFFIX}`;

/** The rejected events of one message. */
export const rejectedKey = (prefix: string, { time, id }: { time: number; id: string }): string =>
  `${rejectedPartition(prefix, time)}${id}${DATA_SUFFIX}`;

/** `name` says what is in it: the same messages make the same object. */
export const compactedKey = (prefix: string, { time, name }: { time: number; name: string }): string =>
  `${compactedPartition(prefix, time)}${name}${COMPACTED_SUFFIX}`;

export const manifestKey = (prefix: string, { time, name }: { time: number; name: string }): string =>
  `${manifestPartition(prefix, time)}${name}${MANIFEST_SUFFIX}`;

/** The job whose events an object holds. */
export const jobOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1, -DATA_SUFFIX.length);

/** The name that a compacted object shares with its manifest. */
export const nameOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1).replace(/\.ndjson(\.zst)?$/, '');

const HOUR = /\/year=(\d{4})\/month=(\d\d)\/day=(\d\d)\/hour=(\d\d)\//;

/** When the hour of a key's partition begins, ms; `undefined` where the key has none. */
export function hourOf(key: string): number | undefined {
  const [, year, month, day, hour] = HOUR.exec(key) ?? [];
  return year === undefined ? undefined : Date.parse(`${year}-${month}-${day}T${hour}:00:00Z`);
}
