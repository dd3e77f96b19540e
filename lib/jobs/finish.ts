import type { QueueSettings } from '../config/common';
import type { Clock, Events, Objects, Queues } from '../ports';
import { GONE, keptBody } from './body';
import { completionOf } from './completion';
import { bodyKey, isPublished } from './keys';
import type { Ledger } from './ledger';
import { needsEntry, parkedMessage } from './park';
import { putRecord } from './put-record';
import { isEnd, type JobRow } from './row';
import { lastMessageAt } from './schedule';

export interface FinishDeps {
  ledger: Ledger;
  objects: Objects;
  queues: Queues;
  clock: Clock;
  prefix: string;
  settings: (queue: string) => QueueSettings;
  /** Where the ends of jobs are published. Without it, they are not. */
  events?: Events | undefined;
  /** URL of the queue's DLQ. */
  dlqUrl: (queue: string) => string;
}

/**
 * Does the writes that an end still lacks. The order is: S3 record, event, a dead job's DLQ entry, deletion of a needless
 * kept body, marks in the row. The mark of the record completes the end, so an end without it is published again. The
 * job's worker, a late delivery and the reconciler call it. A canary keeps only its row. Returns the row of this end, even
 * if another message has opened the job meanwhile. `body` spares a read of the kept body.
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
  // A late message can still open a job that was never sent. The reconciler publishes that end when no message can come.
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
          ...(waits ? { publishFrom: lastMessageAt(now, settings(now.queue)) } : {}),
          ...(parks ? { parkedAt: now.parkedAt ?? at } : {}),
          ...(needless ? { bodyKept: false } : {}),
        }
      : undefined;
  const { item: stored } = await ledger.update(row.key, marked, row);
  return stored && sameEnd(stored, row) ? stored : row;
}

const sameEnd = (a: JobRow, b: JobRow): boolean =>
  a.state === b.state && a.generation === b.generation && a.endedAt === b.endedAt;
