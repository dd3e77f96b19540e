import type { QueueSettings } from '../config';
import { StoreError } from '../errors';
import { appended } from '../jobs/capped-list';
import { type Envelope, MAX_INLINE_DATA_BYTES, sha256 } from '../jobs/envelope';
import { dataPrefix, deduplicationId } from '../jobs/keys';
import type { Ledger } from '../jobs/ledger';
import { newRow } from '../jobs/new-row';
import type { JobRow } from '../jobs/row';
import type { Clock, Log, Objects, Queues, Random } from '../ports';
import { IdempotencyConflictError } from './errors';
import { jobId } from './job-id';

export interface SubmitDeps {
  ledger: Ledger;
  queues: Queues;
  objects: Objects;
  clock: Clock;
  random: Random;
  log: Log;
  /** Everything of ours in the bucket lies under it. */
  prefix: string;
  /** CloudEvents' source of every job from here, e.g. `/my-instance/api`. */
  source: string;
  queueUrl: (queue: string) => string;
  settings: (queue: string) => QueueSettings;
}

/** A job that was validated by its queue's schema. */
export interface Submission {
  /** Where it had to be known before; else it follows from the key, or is new. */
  id?: string;
  queue: string;
  type: string;
  data: unknown;
  /** Message group; required on a FIFO queue, not used on a standard one. */
  group?: string;
  /** The caller's idempotency key … */
  key?: string | undefined;
  /** … and whose it is. */
  principal?: string | undefined;
  correlationId?: string | undefined;
  traceparent?: string | undefined;
}

/** `time`: when the job was first accepted (ISO 8601). `duplicate`: the key had been used for this job before. */
export interface Accepted {
  id: string;
  time: string;
  duplicate: boolean;
}

/**
 * Accepts a job: row, then message, then the mark that it was sent. Rejects with a StoreError where row or message
 * could not be written; the same call with the same key then goes on where that one ended. A row whose message never
 * came is cancelled by the reconciler. Rejects with an IdempotencyConflictError where the key belongs to another job.
 */
export async function submit(deps: SubmitDeps, submission: Submission): Promise<Accepted> {
  const { clock, random, ledger } = deps;
  const { queue, group } = submission;
  const id = submission.id ?? jobId({ ...submission, clock, random });
  const envelope = await envelopeOf(deps, submission, id);
  const row = newRow({ queue, envelope, ...(group === undefined ? {} : { group }), now: clock.now(), random });

  const written = await ledger.write(row, 0);
  if (written.written) {
    await send(deps, written.item, envelope);
    return { id, time: envelope.time, duplicate: false };
  }

  const first = written.stored as JobRow | undefined;
  if (!first) throw new StoreError({ code: 'RowGone', message: 'the row of this key was removed just now' });
  if (first.payloadHash !== row.payloadHash) throw new IdempotencyConflictError(id);
  const time = new Date(first.time).toISOString();
  if (mayBeUnsent(first)) await send(deps, first, { ...envelope, time });
  return { id, time, duplicate: true };
}

/** A second message of a job that was sent is harmless; a job without one is lost. */
function mayBeUnsent({ state, reason, sentAt }: JobRow): boolean {
  return (state === 'queued' && sentAt === undefined) || (state === 'cancelled' && reason === 'never-sent');
}

async function envelopeOf(deps: SubmitDeps, submission: Submission, id: string): Promise<Envelope> {
  const { queue, type, data, correlationId, traceparent } = submission;
  const head = {
    specversion: '1.0' as const,
    id,
    type,
    source: deps.source,
    time: new Date(deps.clock.now()).toISOString(),
    datacontenttype: 'application/json' as const,
    ...(correlationId === undefined ? {} : { correlationid: correlationId }),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
  const json = JSON.stringify(data ?? null);
  if (Buffer.byteLength(json) <= MAX_INLINE_DATA_BYTES) return { ...head, data };
  // The hash is part of the key: a second job under the same idempotency key must not overwrite the first one's data.
  const datasha256 = sha256(json);
  const dataref = `${dataPrefix(deps.prefix, queue)}${id}/${datasha256}`;
  await deps.objects.put(dataref, json, 'application/json');
  return { ...head, dataref, datasha256 };
}

async function send(deps: SubmitDeps, row: JobRow, envelope: Envelope): Promise<void> {
  const { queues, ledger, clock, log } = deps;
  const fifo = deps.settings(row.queue).type === 'fifo';
  const { messageId } = await queues.send(deps.queueUrl(row.queue), {
    body: JSON.stringify(envelope),
    ...(fifo ? { groupId: row.group ?? row.id, deduplicationId: deduplicationId.sent(row.id) } : {}),
  });
  log.info('accepted', { queue: row.queue, jobId: row.id, messageId });
  // A cancelled row is reopened by the message's arrival, which proves that it was sent.
  if (row.state !== 'queued') return;
  const sentAt = clock.now();
  const history = appended(row.history, { at: sentAt, event: 'sent', messageId });
  try {
    // Where the worker has claimed the job by now, its version is refused: the claim says more than the mark.
    await ledger.write({ ...row, sentAt, history }, row.version);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    // The job is on its way: an error now would make the caller send it again under another id.
    log.warn('not marked as sent', { queue: row.queue, jobId: row.id, code: error.code });
  }
}
