import { gzipSync } from 'node:zlib';
import { codeOf } from '../errors';
import { endLease, type ItemDeps, type RunLease, takeLease } from '../jobs/items';
import { hourPartition, hoursKey } from '../jobs/keys';
import { type HourDeps, writeHour } from './hour';
import {
  dataPrefix,
  HOUR_MS,
  hourOf,
  hourOfLate,
  latePartition,
  latePrefix,
  noneLateKey,
  partKey,
  SETTLE_MS,
} from './keys';
import { PARQUET, toParquet } from './parquet';

type HoursRun = HourDeps & ItemDeps;

interface Since {
  hour: number;
  since: number;
}

/** What a run leaves for the next one. Times are ms since 1970. Without it, the next run begins with the first hour. */
export interface HoursLease extends RunLease {
  /** The next run starts after this hour. */
  through?: number;
  /** Hours up to this one that are still to be written, and since when. */
  pending?: Since[];
  /** Hours that are left to a query engine, while its view still shows their originals. */
  tooLarge?: Since[];
}

/** The share of the run's time that stays unused at the end, because one part may take this long. */
const GUARD = 0.1;
/** An hour that is not written after this time is not a matter of one failed call. */
const OVERDUE_MS = HOUR_MS;
/** With more hours to write, the bucket itself fails, and a run searches for no others. */
const MOST_PENDING = 50;
/** The view shows originals for this long. An operator must let a query engine write a large hour before. */
const VIEW_MS = 3 * 24 * HOUR_MS;
/** The clocks of two functions may differ by this much. */
const SKEW_MS = 5_000;

/**
 * Writes every settled hour of events as Parquet, the oldest first, and again each hour of which messages have come
 * late. It throws at the end if an hour has waited for long, so that the alarm about functions that fail goes off.
 */
export async function writeHours(run: HoursRun, { remainingMs }: { remainingMs: number }): Promise<void> {
  const { clock, log, objects, prefix } = run;
  const begun = clock.now();
  const mayGoOn = () => clock.now() < begun + remainingMs * (1 - GUARD);
  const lease = await takeLease<HoursLease>(run, hoursKey, begun + remainingMs + SKEW_MS);
  if (!lease) {
    log.info('another run is active');
    return;
  }
  if (lease.through === undefined) await putPlaceholders(run);
  const pending = sinceOf(lease.pending);
  const tooLarge = sinceOf(lease.tooLarge?.filter(({ since }) => since + VIEW_MS > begun));
  const tried = new Set<number>();
  let { through } = lease;

  for (;;) {
    for (const hour of pending.keys()) if (mayGoOn() && !tried.has(hour)) await write(hour);
    if (!mayGoOn() || pending.size >= MOST_PENDING) break;
    const next = await nextHour(run, through);
    // The next run takes what settles now, because this run may already have tried an hour that is late in it.
    if (next === undefined || next + HOUR_MS + SETTLE_MS > begun) break;
    const late = (await objects.list(latePartition(prefix, next))).map(hourOfLate);
    for (const hour of [next, ...late])
      if (hour !== undefined && !tried.has(hour)) pending.set(hour, pending.get(hour) ?? begun);
    through = next;
  }
  await endLease(run, lease, (stored) => ({
    ...stored,
    ...(through !== undefined && { through }),
    pending: listOf(pending),
    tooLarge: listOf(tooLarge),
  }));
  const overdue = [...pending.values()].filter((since) => since + OVERDUE_MS <= begun).length;
  if (overdue > 0) throw new Error(`${overdue} hours of events have waited for long`);

  async function write(hour: number): Promise<void> {
    tried.add(hour);
    const key = new Date(hour).toISOString();
    try {
      const result = await writeHour(run, hour, mayGoOn);
      if (result === 'too large') {
        log.error('an hour is too large for this function', { code: 'HourTooLarge', key });
        tooLarge.set(hour, tooLarge.get(hour) ?? begun);
      }
      if (result === 'written' || result === 'too large') pending.delete(hour);
    } catch (error) {
      log.error('an hour could not be written', { code: codeOf(error), key });
    }
  }
}

const sinceOf = (list: readonly Since[] = []) => new Map(list.map(({ hour, since }) => [hour, since]));
const listOf = (map: ReadonlyMap<number, number>): Since[] => [...map].map(([hour, since]) => ({ hour, since }));

/** The first hour after `through` with originals, or in which something came late. */
async function nextHour({ objects, prefix }: HoursRun, through: number | undefined): Promise<number | undefined> {
  const hours: number[] = [];
  for (const folder of [dataPrefix(prefix), latePrefix(prefix)]) {
    // `0` is the character after `/`, so this skips all keys of the hour.
    let after = through === undefined ? undefined : `${hourPartition(folder.slice(0, -1), through).slice(0, -1)}0`;
    for (;;) {
      const [key] = await objects.list(folder, { limit: 1, ...(after !== undefined && { after }) });
      const hour = key === undefined ? undefined : hourOf(key);
      if (hour !== undefined) hours.push(hour);
      if (key === undefined || hour !== undefined) break;
      after = key;
    }
  }
  return hours.length > 0 ? Math.min(...hours) : undefined;
}

/** DuckDB refuses a pattern that no object matches, so its views need an object without events in each folder. */
async function putPlaceholders({ objects, prefix, columns }: HoursRun): Promise<void> {
  await objects.create(partKey(prefix, { hour: 0, part: 0, of: 1 }), toParquet([], columns), PARQUET);
  await objects.create(noneLateKey(prefix), gzipSync(''), 'application/gzip');
}
