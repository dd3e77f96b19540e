import type { QueueSettings } from '../config/common';
import type { Clock, Events, Metrics, Objects, Queues } from '../ports';
import { isCancelledByOperator } from './arrows';
import { GONE, keepBody, keptBody } from './body';
import { completionOf } from './completion';
import { bodyKey, isPublished, recordKey } from './keys';
import type { Ledger } from './ledger';
import { needsEntry, parkedMessage } from './park';
import { recordOf } from './record';
import { isEnd, type JobRow } from './row';
import { expiresAfter } from './schedule';

export interface FinishDeps {
  ledger: Ledger;
  objects: Objects;
  queues: Queues;
  clock: Clock;
  prefix: string;
  settings: (queue: string) => QueueSettings;
  /** Where the ends of jobs are published. Without it, they are not. */
  events?: Events | undefined;
  dlqUrl: (queue: string) => string;
}

/**
 * Does the writes that an end still lacks. The order is: S3 record, event, a dead job's DLQ entry, deletion of a
 * needless kept body, marks in the row. The mark of the record completes the end, so an end without it is published
 * again. The job's worker, a late delivery and the reconciler call it. A canary keeps only its row. Returns the row of
 * this end, even if another message has opened the job meanwhile. `body` spares a read of the kept body.
 */
export async function finish(
  deps: FinishDeps,
  row: JobRow,
  { body }: { body?: string | undefined } = {},
): Promise<JobRow> {
  const { ledger, objects, queues, clock, prefix, settings } = deps;
  if (!isEnd(row.state) || row.canary) return row;
  const parks = needsEntry(row) && row.parkedAt === undefined;
  const records = row.recordedAt === undefined;
  if (!records && !parks) return row;

  if (records) await putRecord(deps, row);
  // A late message can still open a job that was never sent. The reconciler publishes that end when no message can
  // come.
  const publishes = deps.events !== undefined && records && isPublished(row.queue);
  const waits = publishes && row.reason === 'never-sent';
  if (publishes && !waits) await deps.events?.publish(completionOf(row));
  if (parks) {
    const parked = body ?? (await keptBody(deps, row)) ?? GONE;
    await queues.send(deps.dlqUrl(row.queue), parkedMessage(row, parked, settings(row.queue).type));
  }
  const needless = row.bodyKept === true && row.state === 'succeeded';
  if (needless) await objects.delete(bodyKey(prefix, row.queue, row.id));

  const at = clock.now();
  const marked = (now: JobRow): JobRow | undefined =>
    // If the job was reopened in between, the marks belong to an earlier end.
    sameEnd(now, row)
      ? {
          ...now,
          ...(records ? { recordedAt: now.recordedAt ?? at } : {}),
          ...(waits ? { publishFrom: (now.endedAt ?? now.updatedAt) + expiresAfter(settings(now.queue)) } : {}),
          ...(parks ? { parkedAt: now.parkedAt ?? at } : {}),
          ...(needless ? { bodyKept: false } : {}),
        }
      : undefined;
  const { item: stored } = await ledger.update(row.key, marked, row);
  return stored && sameEnd(stored, row) ? stored : row;
}

const sameEnd = (a: JobRow, b: JobRow): boolean =>
  a.state === b.state && a.generation === b.generation && a.endedAt === b.endedAt;

const JSON_TYPE = 'application/json';

/**
 * Writes the record of an ended row. A write that lands late, after its caller gave up, replaces no newer record: the
 * first write needs a free key. Each later one needs the record that was read before its row.
 */
export async function putRecord(
  { objects, ledger, prefix }: { objects: Objects; ledger: Pick<Ledger, 'get'>; prefix: string },
  row: JobRow,
): Promise<void> {
  const key = recordKey(prefix, row);
  if ((await objects.create(key, recordOf(row), JSON_TYPE)) === 'created') return;
  for (;;) {
    const stored = await objects.read(key);
    const newest = (await ledger.get(row.key)) ?? row;
    // The job was opened again. Its next end gets a record.
    if (!isEnd(newest.state)) return;
    const text = recordOf(newest);
    // Our own write landed although its answer was lost, or another run has written the same record.
    if (stored && Buffer.from(stored.bytes).toString('utf8') === text) return;
    const answer = stored
      ? await objects.replace(key, text, JSON_TYPE, stored.etag)
      : await objects.create(key, text, JSON_TYPE);
    if (answer === 'replaced' || answer === 'created') return;
  }
}

/** Keeps a cancelled job's body for a retry. `false`: the job was opened again and waits for this message. */
export async function keepCancelled(
  { ledger, objects, prefix }: Pick<FinishDeps, 'ledger' | 'objects' | 'prefix'>,
  row: JobRow,
  body: string,
): Promise<boolean> {
  if (!isCancelledByOperator(row) || row.bodyKept) return true;
  await keepBody({ objects, prefix }, row, body);
  const { item: stored } = await ledger.update(row.key, (now) =>
    isCancelledByOperator(now) && !now.bodyKept ? { ...now, bodyKept: true } : undefined,
  );
  return stored === undefined || isCancelledByOperator(stored);
}

/** Counts an end. It writes both metrics, because CloudWatch has no rate while one of them was never written. */
export function countEnd(metrics: Metrics, queue: string, end: 'succeeded' | 'dead'): void {
  metrics.add('JobsSucceeded', end === 'succeeded' ? 1 : 0, 'Count', { queue });
  metrics.add('JobsDead', end === 'dead' ? 1 : 0, 'Count', { queue });
}
