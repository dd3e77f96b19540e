import { IdTakenError, PermanentError } from '../errors';
import { checkTime, type Envelope, isRandomId, parseEnvelope, payloadHash, sha256 } from '../jobs/envelope';
import { bodyKey, invalidId, isInvalidId } from '../jobs/keys';
import type { Ledger } from '../jobs/ledger';
import { ATTRIBUTE, belongs, bodyMissing, GONE, STAND_IN } from '../jobs/messages';
import { blankRow, type Origin, rowOfEnvelope } from '../jobs/new-row';
import { recordedRow } from '../jobs/record';
import { type Delivery, type JobRow, type StoredError, storedError } from '../jobs/row';
import { isClosed, claim as taken } from '../jobs/transitions';
import type { Log, Metrics, Objects, ReceivedMessage } from '../ports';
import type { FirstStep } from './contract';

/** The row of a message's job, if the table has none. `sentAt`: when the message was sent, in ms since 1970. */
export function rowOfMessage(
  { id, envelope, payloadHash = '', token }: Resolved,
  { sentAt, ...given }: Pick<Origin, 'queue' | 'group' | 'now'> & { sentAt: number },
): JobRow {
  const origin = { ...given, token };
  return envelope ? rowOfEnvelope({ ...origin, envelope }) : blankRow({ ...origin, id, time: sentAt, payloadHash });
}

/** The job of a delivery, before its data is validated. */
export interface Resolved {
  id: string;
  /** The whole body. It comes from S3 if the message carried a stand-in. */
  body: string;
  /** Missing if the job's kept body is gone, so that only the message's attribute names the job. */
  payloadHash?: string;
  envelope?: Envelope;
  /** Why the body is not a job. */
  problem?: PermanentError;
  /** The envelope of a body whose id belongs to a job with other data (see `disowned`). */
  alleged?: Envelope;
  /** Only an attribute says which job it is: the body is a stand-in, gone or no event. */
  named?: true;
  token?: string;
}

/**
 * Finds the job of a message. A body without a valid envelope becomes a job too, with an id that is made from the
 * message id. An attribute keeps that id through the DLQ and back.
 */
export async function resolve(
  { objects, prefix, queue }: { objects: Objects; prefix: string; queue: string },
  message: Pick<ReceivedMessage, 'messageId' | 'body' | 'attributes'>,
): Promise<Resolved> {
  const { attributes } = message;
  const job = namedJob(attributes);
  const token = matching(RANDOM, attributes[ATTRIBUTE.token]);
  const ours = token === undefined ? {} : { token };
  let { body } = message;
  const named = job !== undefined && (body === STAND_IN || body === GONE);
  if (named) {
    const kept = body === GONE ? undefined : await objects.get(bodyKey(prefix, queue, job));
    if (!kept) return withoutBody({ id: job, ...ours });
    body = Buffer.from(kept).toString('utf8');
  }
  const by = named ? { ...ours, named } : ours;
  try {
    const envelope = parseEnvelope(body, { job });
    const resolved = { id: envelope.id, body, envelope, payloadHash: payloadHash(envelope), ...by };
    // Before it was parked, this body was found not to belong to the job of its id. That still holds.
    return job && isInvalidId(job) ? { ...disowned(resolved, job), ...ours, named: true } : resolved;
  } catch (error) {
    const own = job !== undefined && isInvalidId(job);
    if (named && !own) return withoutBody({ id: job, ...ours });
    const invalid = { body, payloadHash: sha256(body), problem: asProblem(error) };
    return own ? { id: job, ...invalid, ...ours, named: true } : { id: invalidId(message.messageId), ...invalid };
  }
}

/** The ids and randoms that this code gives jobs. Any sender can write the attributes: other text there is nothing. */
const OWN_ID = /^(invalid\/)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const RANDOM = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const matching = (form: RegExp, given: string | undefined): string | undefined =>
  given !== undefined && form.test(given) ? given : undefined;

export const namedJob = (attributes: Record<string, string>): string | undefined =>
  matching(OWN_ID, attributes[ATTRIBUTE.job]);

/** The body's id already belongs to a job with other data. This body gets its own id and row. */
export function disowned({ body, envelope, alleged = envelope }: Resolved, id: string): Resolved {
  return { id, body, payloadHash: sha256(body), problem: new IdTakenError(), ...(alleged && { alleged }) };
}

/** Older code has parked this body. It keeps its row and must not run, because newer code may have run its job. */
export const onceInvalid = (): PermanentError =>
  new PermanentError({ code: 'InvalidEnvelope', message: 'the message was not valid when it came: send it again' });

/** The job that a message names, although the job's body is lost. A run of the job parks it. */
export const withoutBody = ({ id, token }: Pick<Resolved, 'id' | 'token'>): Resolved => ({
  ...{ id, body: GONE, problem: bodyMissing(), named: true },
  ...(token === undefined ? {} : { token }),
});

export function asProblem(error: unknown): PermanentError {
  if (error instanceof PermanentError) return error;
  // JSON.stringify recurses, so a RangeError here means a body that is nested too deeply.
  return new PermanentError({ code: 'TooDeep', message: 'the message body is nested too deeply', field: 'data' });
}

/*
 * The row is the permission, a message is a wake-up. A sender can wake a job whose row allows it, and do nothing else.
 * So release, return and retry write the row before they send. Our own messages carry the random of the row (`token`),
 * and a row that has one is opened by no other message. A dead job is opened only by the DLQ entry of its last end,
 * which an operator has redriven with AWS's own tools.
 */

/** What a message may do to its job. `late`: the job has left the queue. `refused`: the message is not one of ours. */
export function permission(
  row: JobRow,
  { messageId, attributes }: Pick<ReceivedMessage, 'messageId' | 'attributes'>,
  { named, payloadHash }: { named?: true | undefined; payloadHash?: string | undefined },
): 'run' | 'late' | 'refused' {
  if (row.spentMessageIds.includes(messageId)) return 'late';
  if ((row.token !== undefined || named) && row.token !== attributes[ATTRIBUTE.token]) return 'refused';
  // A body that we keep gives its row a random. So no message of ours is about such a row and has no body.
  if (row.token === undefined && payloadHash === undefined) return 'refused';
  if (row.state !== 'dead') return isClosed(row) ? 'late' : 'run';
  return attributes.code !== undefined && attributes[ATTRIBUTE.parkedFrom] === row.parkedFrom ? 'run' : 'late';
}

/** A message that opens nothing, or one that gets an id of its own instead. */
export type NotFirst = { kind: 'refused' } | { kind: 'disowned'; as: Resolved };

/**
 * The row of a message's job, if the table has none: from the job's record, or as the message describes it. A message
 * of another sender is how its job begins. Ours are about rows, unless the producer could write none for a job without
 * a key.
 */
export async function firstRow(
  deps: Parameters<typeof recordedRow>[0],
  resolved: Resolved,
  message: Pick<ReceivedMessage, 'messageId' | 'sentAt'> & {
    queue: string;
    group: string | undefined;
    retention: number;
  },
): Promise<JobRow | NotFirst> {
  const { queue, group, sentAt, messageId, retention } = message;
  const { id, envelope, token } = resolved;
  const made = rowOfMessage(resolved, { queue, group, sentAt, now: deps.clock.now() });
  const row = await recordedRow(deps, made);
  if (row !== made) return row;
  if (resolved.named || (token !== undefined && envelope && !isRandomId(id))) return { kind: 'refused' };
  if (!envelope) return made;
  const own = parseEnvelope(resolved.body, { from: 'others' }).id;
  if (own !== id && token === undefined)
    return { kind: 'disowned', as: { ...resolved, id: own, envelope: { ...envelope, id: own } } };
  try {
    checkTime(envelope, { oldest: sentAt - retention * 1000, sentAt });
    return made;
  } catch (error) {
    return { kind: 'disowned', as: { ...disowned(resolved, invalidId(messageId)), problem: asProblem(error) } };
  }
}

/** Counts and logs a message that opens nothing. Its sender gets no answer, because SQS has taken it. */
export function refuse(
  { log, metrics }: { log: Log; metrics: Metrics },
  facts: { queue: string; jobId: string | undefined; messageId: string; receiveCount: number },
): void {
  metrics.add('IllegalTransitions', 1, 'Count', {});
  log.error('a message that is not one of ours opened nothing', facts);
}

/** After so many crashed runs in a row a job counts as a poison message. */
export const CRASH_LOOP_RUNS = 2;
/** After so many crashed runs in all it does too, even if the job waited in between. */
const MOST_CRASHES = 3;

export type Claim =
  /** This run has the job until the lease ends. The claim stored the start of the step `begun`. */
  | { kind: 'claimed'; row: JobRow; begun: string | undefined }
  /** The message opens nothing, because the job has left the queue. Only missing writes are to be completed. */
  | { kind: 'late'; row: JobRow }
  /** Another run, of the delivery `by`, has the job until `until`, in ms since 1970. */
  | { kind: 'busy'; until: number; by: Delivery | undefined }
  /** The last run crashed, perhaps because of another job. The job must run while no other job runs. */
  | { kind: 'suspected crash' }
  /** The job's runs crashed while no other job ran. This run has the job, and must park it. */
  | { kind: 'must-park'; row: JobRow }
  /** The id belongs to a job with another payload. */
  | { kind: 'conflict' }
  | NotFirst;

export interface ClaimRequest {
  key: string;
  /** The row if nothing has happened to the job, made from its message. Missing if something may have happened. */
  blank?: JobRow | undefined;
  fresh: () => Promise<JobRow | NotFirst>;
  attributes?: Record<string, string>;
  /** Only an attribute names the job. */
  named?: true | undefined;
  /** `undefined`: the job's body is lost, so the message names its job only. */
  payloadHash: string | undefined;
  delivery: Delivery;
  token: string;
  leaseUntil: number;
  /** Whether no other job runs in this invocation. */
  alone: boolean;
  /** The first step of a job that has done nothing, if the claim may store its start. */
  first?: ((row: JobRow) => FirstStep | undefined) | undefined;
  now: () => number;
}

/** Claims a job for this run by a conditional write, or returns why that is not possible. */
export async function claim(ledger: Ledger, request: ClaimRequest): Promise<Claim> {
  const { key, blank, payloadHash, delivery, alone, now, token } = request;
  let begun: string | undefined;
  const started = (row: JobRow): JobRow => {
    const lease = { token, until: request.leaseUntil, messageId: delivery.messageId, alone };
    const next = taken(row, { at: now(), delivery, lease });
    const first = mayBegin(next) ? request.first?.(next) : undefined;
    begun = first?.name;
    if (!first) return next;
    const { name, hash } = first;
    return { ...next, steps: { [name]: { status: 'started', startedAt: now(), ...(hash ? { hash } : {}) } } };
  };

  const unread = blank && (await ledger.claimUnread(blank, started(blank)));
  if (unread) return ours(unread, begun);
  for (let stored = await ledger.get(key); ; ) {
    const row = stored ?? (await request.fresh());
    if ('kind' in row) return row;
    if (!belongs(row, payloadHash)) return { kind: 'conflict' };
    // This run has the job already. The answer to an earlier write was lost.
    if (row.lease?.token === token) return ours(row, begun);
    const allowed = permission(row, { messageId: delivery.messageId, attributes: request.attributes ?? {} }, request);
    if (allowed !== 'run') return { kind: allowed, row };
    const { lease, deliveries } = row;
    if (row.state === 'processing' && lease && lease.until > now()) {
      const by = deliveries.findLast(({ messageId }) => messageId === lease.messageId);
      return { kind: 'busy', until: lease.until, by };
    }
    if (row.state === 'processing' && !alone) return { kind: 'suspected crash' };
    const result = await ledger.write(started(row), stored?.version ?? 0);
    if (result.written) return ours(result.item, begun);
    stored = result.stored;
  }
}

/** A job that has done anything, or that crashed, is claimed without a start. */
const mayBegin = ({ steps, crashes }: JobRow): boolean => Object.keys(steps).length === 0 && crashes === 0;

export const CRASH_LOOP: StoredError = storedError(
  new PermanentError({ code: 'CrashLoop', message: 'the last runs of this job ended without any outcome' }),
);

/**
 * Only crashes stop a job from running. Used-up attempts do not, because the last outcome decided that the
 * job goes on. Since then the setting for attempts may have changed, or evidence may have proved an unknown step.
 */
function ours(row: JobRow, begun: string | undefined): Claim {
  const crashed = row.crashes > 0;
  const loops = row.crashes >= CRASH_LOOP_RUNS || (crashed && (row.crashesSinceOpened ?? 0) >= MOST_CRASHES);
  return loops ? { kind: 'must-park', row } : { kind: 'claimed', row, begun };
}
