import { ANALYTICS_QUEUE, hourPartition } from '../jobs/keys';

/** Keys of the analytics data. They are a stored contract. `time` is the job's, in ms, and partitions are UTC hours. */

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

/** The key for the accepted events of one message. */
export const dataKey = (prefix: string, { time, id }: { time: number; id: string }): string =>
  `${dataPartition(prefix, time)}${id}${DATA_SUFFIX}`;

/** The key for the rejected events of one message. */
export const rejectedKey = (prefix: string, { time, id }: { time: number; id: string }): string =>
  `${rejectedPartition(prefix, time)}${id}${DATA_SUFFIX}`;

/** `name`: 32 hexadecimal digits, new for each object. So a delete that lands late cannot hit another object. */
export const compactedKey = (prefix: string, { time, name }: { time: number; name: string }): string =>
  `${compactedPartition(prefix, time)}${name}${COMPACTED_SUFFIX}`;

/** The hour's manifest. Revision 28eb1b2 wrote a manifest for each compacted object instead, under the object's name. */
export const manifestKey = (prefix: string, time: number): string =>
  `${manifestPartition(prefix, time)}hour${MANIFEST_SUFFIX}`;

/** Where a damaged object goes, so that queries do not read it. */
export const damagedPrefix = (prefix: string): string => `${prefix}/${ANALYTICS_QUEUE}-damaged/`;
export const asideKey = (prefix: string, key: string): string =>
  `${damagedPrefix(prefix)}${key.slice(prefix.length + 1)}`;

/** The job of a message's own object. */
export const jobOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1, -DATA_SUFFIX.length);

/** The name of a compacted object. `undefined` if compaction cannot have written an object under this key. */
export const nameOf = (key: string): string | undefined => /\/([0-9a-f]{32})\.ndjson\.zst$/.exec(key)?.[1];

const HOUR = /\/year=(\d{4})\/month=(\d\d)\/day=(\d\d)\/hour=(\d\d)\//;

/** The start of the hour in a key's partition, ms. `undefined` if the key has no partition. */
export function hourOf(key: string): number | undefined {
  const [, year, month, day, hour] = HOUR.exec(key) ?? [];
  return year === undefined ? undefined : Date.parse(`${year}-${month}-${day}T${hour}:00:00Z`);
}
