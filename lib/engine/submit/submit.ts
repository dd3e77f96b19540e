import type { QueueSettings } from '../../platform/config/functions';
import { ignoreStoreError, StoreError } from '../../platform/errors';
import type { Clock, Log, Objects, Queues, Random, SentMessage, Table } from '../../platform/ports';
import { tracedSending } from '../../platform/trace';
import { type Envelope, inOrder, MAX_INLINE_DATA_BYTES, payloadHash, sendable, sha256 } from '../jobs/envelope';
import { noteFiles } from '../jobs/files';
import { bodyKey, dataKey, deduplicationId } from '../jobs/keys';
import type { Ledger } from '../jobs/ledger';
import { belongs, markSent, tokenOf } from '../jobs/messages';
import { type HashPeople, personOf, saltOf } from '../jobs/person-hash';
import { CLOCK_SKEW_MS, type JobRow, newRow, present } from '../jobs/row';
import { isSentFromKept } from '../jobs/schedule';
import { plan } from '../jobs/transitions';
import { IdempotencyConflictError, invalid, type Problem } from './errors';
import { type CheckedOptions, jobId, ownersOf } from './options';

export interface SubmitDeps {
  ledger: Ledger;
  table: Table;
  queues: Queues;
  objects: Pick<Objects, 'put' | 'get' | 'size' | 'list'>;
  clock: Clock;
  random: Random;
  log: Log;
  hashPeople: HashPeople;
  /** The key prefix of all our objects in the bucket. */
  prefix: string;
  /** Whether jobs may name files that the API itself has put beside the uploads, which it must check then. */
  ownFiles?: boolean | undefined;
  /** The CloudEvents source of this producer's jobs, e.g. `/my-instance/api`. */
  source: string;
  queueUrl: (queue: string) => string;
  /** Throws if the instance has no such queue. */
  settings: (queue: string) => Pick<QueueSettings, 'type' | 'retention'>;
  /** Takes the write that marks the row as sent. Absent if the process stops after its answer: then the caller waits. */
  afterAnswer?: (write: Promise<void>) => void;
}

/** A job whose data passed the schema of its queue. Without a principal, its key is the system's. */
export interface Submission extends CheckedOptions {
  /** By default it follows from the key or is new. */
  id?: string;
  queue: string;
  type: string;
  data: unknown;
  /** The message group, by default one of its own. */
  group?: string;
  /** The address of the person whom the job is about. */
  person?: string | undefined;
  /** The S3 keys of the uploads that the job names. */
  files?: readonly string[] | undefined;
}

export interface Accepted {
  id: string;
  /** When the job was first accepted, ISO 8601. */
  time: string;
  /** Whether the key was used for this job before. */
  duplicate: boolean;
  /** SQS's id of the message that this call sent. Absent if it sent none. */
  messageId?: string;
  /** SQS's number of that message in its group. Absent on a standard queue. */
  sequenceNumber?: string;
  /** Of a repeat: its job has ended so, and this call changes nothing. A dead job has the code of its error. */
  ended?: { state: 'dead' | 'cancelled'; code?: string };
  /** The cosmetic fields that were left out, because they could not be used. Absent if there are none. */
  warnings?: Problem[];
}

export type Unsent = ReturnType<typeof unsent>;
type Decided = { accepted: Accepted } | Unsent;

/**
 * Accepts a job: notes its files, writes the row, sends the message and marks the row as sent. With `notBefore`, the row
 * holds the job until then. Rejects with an IdempotencyConflictError if the key belongs to another job, and with a
 * StoreError if the message failed, or the row of a job with a key or `notBefore`. A call with the same key continues
 * from there. If none does, the reconciler cancels the row.
 */
export async function submit(deps: SubmitDeps, submission: Submission, write = store): Promise<Accepted> {
  const send = async (traceparent: string | undefined): Promise<Accepted> => {
    const decided = await accept(deps, { ...submission, traceparent }, write);
    if ('accepted' in decided) return decided.accepted;
    const { row, message, sent } = decided;
    return sent(await deps.queues.send(deps.queueUrl(row.queue), message));
  };
  return tracedSending(
    submission.notBefore === undefined ? 'send' : 'create',
    submission,
    send,
    (accepted) => accepted,
  );
}

export async function store(deps: SubmitDeps, row: JobRow) {
  if (row.files) await noteFiles(deps, { queue: row.queue, id: row.id, files: row.files });
  return deps.ledger.write(row, 0);
}

/** Stores the row of a job with `write`, and returns what is left to do. Rejects as `submit` does. */
export async function accept(deps: SubmitDeps, submission: Submission, write = store): Promise<Decided> {
  const { clock, random } = deps;
  const { queue, group } = submission;
  deps.settings(queue);
  const id = submission.id ?? jobId({ ...submission, clock, random });
  checkTime(deps, 'options.notBefore', submission.notBefore);
  const [salt, ...earlierSalts] = (await deps.hashPeople())(saltOf(queue, id));
  const envelope = { ...(await envelopeOf(deps, submission, id)), salt };
  const notBefore = submission.notBefore === undefined ? undefined : Date.parse(submission.notBefore);
  const files = submission.files?.length ? { files: submission.files } : {};
  const warnings = submission.warnings?.length ? submission.warnings : undefined;
  const row = { ...newRow({ queue, envelope, group, notBefore, now: clock.now(), random }), ...files };
  const accepted = { id, time: envelope.time, duplicate: false, ...present({ warnings }) };

  const written = await write(deps, row).catch((error: unknown) => {
    ignoreStoreError(error);
    if (submission.key !== undefined || notBefore !== undefined) throw error;
    // No other job can have the new id, so the job needs no row: the worker that runs it writes one. Without their
    // notes, the files stay until the lifecycle rule of the bucket deletes them.
    deps.log.warn('accepted without a row', { queue, jobId: id });
    return undefined;
  });
  if (!written) return unsent(deps, { row, envelope, accepted }, { stored: false });
  if (written.written) return begin(deps, { row: written.item, envelope, accepted });

  const first = written.stored;
  if (!first) throw new StoreError({ code: 'RowGone', message: 'the row of this key was just removed' });
  // Its salt is the earlier one if the hash key has changed since the first call.
  const same = [salt, ...earlierSalts]
    .map((each) => ({ ...envelope, salt: each }))
    .find((each) => belongs(first, payloadHash(each)));
  if (!same || first.notBefore !== notBefore) throw new IdempotencyConflictError(id, !mayBeUnsent(first));
  const time = new Date(first.time).toISOString();
  const again = { ...accepted, time, duplicate: true };
  if (!mayBeUnsent(first)) return { accepted: { ...again, ...present({ ended: endOf(first) }) } };
  return begin(deps, { row: first, envelope: { ...same, time }, accepted: again });
}

interface Beginning {
  row: JobRow;
  envelope: Envelope;
  accepted: Accepted;
}

/** Goes on with a stored job. Keeps the body of a planned one, then lets its row wait for its time. */
async function begin(deps: SubmitDeps, job: Beginning): Promise<Decided> {
  const { row, envelope, accepted } = job;
  if (row.notBefore === undefined) return unsent(deps, job, { stored: true });
  const { objects, ledger, clock, prefix, log } = deps;
  await objects.put(bodyKey(prefix, row.queue, row.id), sendable(JSON.stringify(envelope)), 'application/json');
  // Another call may have planned the job meanwhile. Then there is nothing left to do.
  const planned = (now: JobRow) => (mayBeUnsent(now) ? plan(now, clock.now()) : undefined);
  const { item } = await ledger.update(row.key, planned, row);
  if (!item) throw new StoreError({ code: 'RowGone', message: 'the row of this job was just removed' });
  log.info('planned', { queue: row.queue, jobId: row.id, until: row.notBefore });
  return { accepted };
}

function unsent(deps: SubmitDeps, { row, envelope, accepted }: Beginning, { stored }: { stored: boolean }) {
  const isFifo = deps.settings(row.queue).type === 'fifo';
  const fifo = isFifo ? { groupId: row.group ?? row.id, deduplicationId: deduplicationId.opened(row) } : {};
  return {
    row,
    message: { body: sendable(JSON.stringify(envelope)), attributes: tokenOf(row), ...fifo },
    async sent(message: SentMessage): Promise<Accepted> {
      deps.log.info('accepted', { queue: row.queue, jobId: row.id, messageId: message.messageId });
      // The arrival of the message reopens a cancelled row, which also proves that the message was sent.
      if (stored && row.state === 'queued') {
        const mark = markSent(deps, row, message);
        if (deps.afterAnswer) deps.afterAnswer(mark);
        else await mark;
      }
      return { ...accepted, ...message };
    },
  };
}

function endOf({ state, error }: JobRow): Accepted['ended'] {
  if (state === 'dead') return { state: 'dead', ...present({ code: error?.code }) };
  return state === 'cancelled' ? { state: 'cancelled' } : undefined;
}

/** When in doubt, send again: a second message is harmless, but a job without one is lost. Never for an erased job. */
export function mayBeUnsent(row: JobRow): boolean {
  const { state, reason, sentAt } = row;
  if (row.erased || isSentFromKept(row)) return false;
  return (state === 'queued' && sentAt === undefined) || (state === 'cancelled' && reason === 'never-sent');
}

/** Owns the jobs with a key and without a principal. No caller's principal is empty. */
const SYSTEM = '';

async function envelopeOf(deps: SubmitDeps, submission: Submission, id: string): Promise<Envelope> {
  const { queue, type, data, key, principal, correlationId, traceparent, person, warnings = [] } = submission;
  const [owner] = await ownersOf(deps.hashPeople, principal ?? (key === undefined ? undefined : SYSTEM));
  const hashed = person === undefined ? undefined : (await deps.hashPeople())(personOf(person))[0];
  // The worker writes the row of a job that was accepted while the table was down.
  const leftout = [...new Set(warnings.map(({ field }) => field))].join(',') || undefined;
  const head = {
    specversion: '1.0' as const,
    id,
    type,
    source: deps.source,
    time: new Date(deps.clock.now()).toISOString(),
    datacontenttype: 'application/json' as const,
    ...present({ correlationid: correlationId, traceparent, owner, person: hashed, leftout }),
  };
  if (Buffer.byteLength(sendable(JSON.stringify(data ?? null))) <= MAX_INLINE_DATA_BYTES) return { ...head, data };
  const json = JSON.stringify(data, inOrder);
  // The key contains the hash, so that another job with the same idempotency key cannot overwrite the first job's data.
  const datasha256 = sha256(json);
  const dataref = dataKey(deps.prefix, { queue, id, sha256: datasha256 });
  await deps.objects.put(dataref, json, 'application/json');
  return { ...head, dataref, datasha256 };
}

/** A row lives 45 days after its last write, and an operator may need the job's body for two weeks after its start. */
const MOST_DAYS = 30;

/** Checks when a job or its parent may start. The caller's clock may differ a little from ours. Throws an InvalidJobError. */
export function checkTime({ clock }: { clock: Clock }, field: string, time: string | undefined): void {
  if (time !== undefined && Date.parse(time) - clock.now() > MOST_DAYS * 24 * 60 * 60_000 + CLOCK_SKEW_MS)
    throw invalid(field, `must be at most ${MOST_DAYS} days ahead`);
}
