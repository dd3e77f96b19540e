import { gunzipSync } from 'node:zlib';
import { IdTakenError, StoreError } from '../errors';
import type { Envelope } from '../jobs/envelope';
import { ANALYTICS_QUEUE, ERASED } from '../jobs/keys';
import type { Log, Metrics, Objects } from '../ports';
import { type MessageType, messageType, type QueueContract } from '../worker/contract';
import { type Encoded, type EncodedBatch, encodeBatch } from './encode';
import { dataKey, HOUR_MS, hourStart, LATE_AFTER_MS, lateKey, rejectedKey } from './keys';
import { ANALYTICS_EVENTS, type AnalyticsBatch, analyticsSchema } from './message';

export interface AnalyticsDeps {
  objects: Objects;
  metrics: Metrics;
  prefix: string;
  /** Jobs from this time (ms) on may hold no mail addresses. */
  noAddressesFrom?: number | undefined;
}

type Work = NonNullable<MessageType<AnalyticsBatch>['direct']>;
type Job = Parameters<Work>[0];
type Context = Parameters<Work>[1];

/**
 * Stores events as objects in the partition of their job's `time`. The same message makes the same lines under the same
 * key. So two workers may process it at any time, even at once, without a row. An existing object stays unchanged.
 * Another message with the same id is refused with an IdTakenError.
 */
export function analyticsContract(deps: AnalyticsDeps): QueueContract {
  const work: Work = (job, context) => store(deps, job, context);
  return {
    queue: ANALYTICS_QUEUE,
    types: { [ANALYTICS_EVENTS]: messageType({ schema: analyticsSchema, process: work, direct: work }) },
  };
}

async function store(deps: AnalyticsDeps, { data, envelope }: Job, { now, log }: Context) {
  const place = { time: Date.parse(envelope.time), id: envelope.id };
  const encoded = encodeBatch(envelope, data.events, deps.noAddressesFrom);
  const { accepted, rejected } = encoded;
  if (accepted) {
    const isErased = await write(deps.objects, dataKey(deps.prefix, place), { encoded: accepted, envelope });
    // After the original. So the function that finds this copy finds the original too.
    const arrived = now();
    if (!isErased && arrived >= hourStart(place.time) + HOUR_MS + LATE_AFTER_MS)
      await write(deps.objects, lateKey(deps.prefix, { ...place, arrived }), { encoded: accepted, envelope });
  }
  if (rejected) await write(deps.objects, rejectedKey(deps.prefix, place), { encoded: rejected, envelope });
  measure(deps, log, { ...encoded, lagMs: now() - place.time });
  return { accepted: accepted?.events ?? 0, rejected: rejected?.events ?? 0 };
}

/**
 * Writes a message's object (gzip NDJSON) if there is none. An object with the same lines comes from an earlier
 * delivery of this message. It compares lines, because another zlib makes other bytes. An object from which lines were
 * erased counts as written, and the answer is true. Throws an IdTakenError for other lines.
 */
async function write(
  objects: Objects,
  key: string,
  { encoded: { bytes, events }, envelope }: { encoded: Encoded; envelope: Envelope },
): Promise<boolean> {
  const { id, source, partitionkey = '', sequence = '' } = envelope;
  const metadata = { job: id, source: ascii(source), group: ascii(partitionkey), sequence, events: String(events) };
  if ((await objects.create(key, bytes, 'application/gzip', metadata)) === 'created') return false;
  const stored = await objects.read(key);
  // An operator or a lifecycle rule removed it between the two calls. The next delivery writes it again.
  if (!stored) throw new StoreError({ code: 'ObjectGone', message: 'the object was just removed' });
  if (ERASED in stored.metadata) return true;
  if (!hasLines(stored.bytes, gunzipSync(bytes))) throw new IdTakenError();
  return false;
}

/** S3 sends metadata as HTTP headers, which must be ASCII. */
const ascii = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?');

function hasLines(stored: Uint8Array, lines: Buffer): boolean {
  try {
    return gunzipSync(stored).equals(lines);
  } catch {
    // The object is not ours, and we must not overwrite it either.
    return false;
  }
}

/** More names of one message are not logged, so that a message cannot fill the log. */
const MOST_NAMES = 20;

/** A repeated message is counted again. The numbers only show trends, and the objects are exact. */
function measure({ metrics }: AnalyticsDeps, log: Pick<Log, 'info'>, stored: EncodedBatch & { lagMs: number }): void {
  const { accepted, rejected, names, lagMs } = stored;
  metrics.add('EventsAccepted', accepted?.events ?? 0, 'Count', {});
  metrics.add('EventsRejected', rejected?.events ?? 0, 'Count', {});
  metrics.add('TimeToStore', lagMs, 'Milliseconds', {});
  if (accepted)
    log.info('message stored', { queue: ANALYTICS_QUEUE, count: accepted.events, bytes: accepted.bytes.length });
  const most = [...names].sort(([, a], [, b]) => b - a).slice(0, MOST_NAMES);
  for (const [event, count] of most) log.info('events stored', { queue: ANALYTICS_QUEUE, event, count });
}
