import { IdTakenError, PermanentError, StoreError } from '../../platform/errors';
import { normalise } from '../../platform/normalise';
import type { Log, Metrics, Objects, ReceivedMessage } from '../../platform/ports';
import {
  checkRandomId,
  checkTime,
  type Envelope,
  isRandomId,
  parseEnvelope,
  payloadHash,
  publicForm,
  sha256,
} from '../jobs/envelope';
import { bodyKey, invalidId, isInvalidId, jobKey } from '../jobs/keys';
import { ATTRIBUTE, belongs, bodyMissing, GONE, PLACEHOLDER } from '../jobs/messages';
import { recordedRow } from '../jobs/record';
import {
  blankRow,
  CANARY_TYPE,
  CLOCK_SKEW_MS,
  type Delivery,
  type JobRow,
  rowOfEnvelope,
  type StoredError,
  storedError,
  without,
} from '../jobs/row';
import { claim, isClosed } from '../jobs/transitions';
import { dropWitness, hasWitness, leaveWitness } from '../jobs/witness';
import type { Handling, Incoming, QueueContract } from './contract';

/** What a message says, and about which job, before the job's data is validated. */
export type Content = {
  id: string;
  /** The whole body. It comes from S3 if the message carried a placeholder. */
  body: string;
  /** Only an attribute says which job it is: the body is a placeholder, gone or no event. */
  named: boolean;
  /** The token of a row, which only our own messages carry. */
  token: string | undefined;
} & (
  | { kind: 'job'; envelope: Envelope; payloadHash: string }
  /** A body that is no job gets an id and a row of its own. `envelope`: its id belongs to a job with other data. */
  | { kind: 'rejected'; envelope: Envelope | undefined; payloadHash: string; problem: PermanentError }
  /** The job's kept body is gone. A run of the job parks it. */
  | { kind: 'body lost'; envelope: undefined; payloadHash: undefined; problem: PermanentError }
);

/**
 * Finds the job of a message. A body without a valid envelope becomes a job too, with an id that is made from the
 * message id. An attribute keeps that id through the DLQ and back.
 */
export async function identify(
  { objects, prefix }: { objects: Objects; prefix: string },
  queue: string,
  { messageId, attributes, ...message }: Pick<ReceivedMessage, 'messageId' | 'body' | 'attributes'>,
): Promise<Content> {
  const job = namedJob(attributes);
  const token = matching(RANDOM, attributes[ATTRIBUTE.token]);
  const named = job !== undefined && (message.body === PLACEHOLDER || message.body === GONE);
  let { body } = message;
  if (named) {
    const kept = body === GONE ? undefined : await objects.get(bodyKey(prefix, queue, job));
    if (!kept) return withoutBody({ id: job, token });
    body = Buffer.from(kept).toString('utf8');
  }
  // Before it was parked, this body was found to be no job, or not that of its id. That still holds.
  const own = job !== undefined && isInvalidId(job) ? job : undefined;
  const rejection = own === undefined ? { named: false, token: undefined } : { named: true, token };
  try {
    const envelope = parseEnvelope(body);
    const content = { kind: 'job', id: envelope.id, body, envelope, payloadHash: payloadHash(envelope) } as const;
    return own === undefined ? { ...content, named, token } : { ...rejected(content, own), ...rejection };
  } catch (error) {
    if (named && own === undefined) return withoutBody({ id: job, token });
    const id = own ?? invalidId(messageId);
    return { ...rejected({ body, envelope: undefined }, id, asProblem(error)), ...rejection };
  }
}

/** The form of our ids and tokens. Any program can write the attributes, so other text in them counts as absent. */
const OWN_ID = /^(invalid\/)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const RANDOM = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const matching = (form: RegExp, given: string | undefined): string | undefined =>
  given !== undefined && form.test(given) ? given : undefined;

export const namedJob = (attributes: Record<string, string>): string | undefined =>
  matching(OWN_ID, attributes[ATTRIBUTE.job]);

/** A body that cannot be a job, or not the job of its id. It gets this id and a row. */
export function rejected(
  { body, envelope }: Pick<Content, 'body' | 'envelope'>,
  id: string,
  problem: PermanentError = new IdTakenError(),
): Content {
  return { kind: 'rejected', id, body, named: false, token: undefined, envelope, payloadHash: sha256(body), problem };
}

const withoutBody = ({ id, token }: Pick<Content, 'id' | 'token'>): Content => {
  const lost = { body: GONE, envelope: undefined, payloadHash: undefined, problem: bodyMissing() };
  return { kind: 'body lost', id, named: true, token, ...lost };
};

function asProblem(error: unknown): PermanentError {
  if (error instanceof PermanentError) return error;
  // JSON.stringify recurses, so a RangeError here means a body that is nested too deeply.
  return new PermanentError({ code: 'TooDeep', message: 'the message body is nested too deeply', field: 'data' });
}

/**
 * What a message may do to its job. `late`: the job has left the queue. `refused`: the message is not one of ours.
 *
 * The row is the permission, a message is a wake-up. Any program can wake a job whose row allows it, and do nothing
 * else. So release, return and retry write the row before they send. Our own messages carry the `token` of the row. No
 * other message runs a job whose row has one. A dead job runs again only from the DLQ entry of its last end, once that
 * is redriven, and only if no operator has discarded or replaced it.
 */
export function permission(
  row: JobRow,
  { messageId, attributes }: Pick<ReceivedMessage, 'messageId' | 'attributes'>,
  { named, payloadHash }: Pick<Content, 'named' | 'payloadHash'>,
): 'run' | 'late' | 'refused' {
  if (row.spentMessageIds.includes(messageId)) return 'late';
  if ((row.token !== undefined || named) && row.token !== attributes[ATTRIBUTE.token]) return 'refused';
  // A body that we keep gives its row a random. So no message of ours is about such a row and has no body.
  if (row.token === undefined && payloadHash === undefined) return 'refused';
  if (row.erased) return 'late';
  if (row.state !== 'dead') return isClosed(row) ? 'late' : 'run';
  // What an operator ended stays ended, also if its entry is redriven. A row whose entry has expired is no such row.
  if (row.discarded || row.replacedBy !== undefined) return 'late';
  return attributes.code !== undefined && attributes[ATTRIBUTE.parkedFrom] === row.parkedFrom ? 'run' : 'late';
}

/** What a row needs to know of a message. `group`: its message group. `sentAt`: ms since 1970. */
type Sending = { queue: string; group: string | undefined; sentAt: number };

function rowOfContent(content: Content, { sentAt, ...given }: Sending & { now: number }): JobRow {
  const { kind, id, envelope, token, payloadHash = '' } = content;
  const origin = { ...given, token };
  // Only our producer says whose a job is, about whom, and what it left out.
  return kind === 'job'
    ? rowOfEnvelope({
        ...origin,
        envelope: token === undefined ? without(envelope, ['owner', 'person', 'leftout']) : envelope,
      })
    : blankRow({ ...origin, id, time: sentAt, payloadHash });
}

type First = { kind: 'row'; row: JobRow } | { kind: 'refused' } | { kind: 'other'; content: Content };

/**
 * The row of a message's job, if the table has none: from the job's record, or as the message describes it. A message
 * of another program begins its job here. A message of ours always follows a row, except for a job without a key that
 * the producer accepted while the table was down. `refused`: the message begins nothing. `other`: it is about another
 * job.
 *
 * For example: another program's message comes for the first time, so its row is made from it. If it is redriven when
 * that row has expired, the row comes from the job's record, and says how the job ended.
 */
export async function firstRow(
  deps: Parameters<typeof recordedRow>[0],
  content: Content,
  { messageId, retention, ...sending }: Sending & { messageId: string; retention: number },
): Promise<First> {
  const { sentAt } = sending;
  const made = rowOfContent(content, { ...sending, now: deps.clock.now() });
  const row = await recordedRow(deps, made);
  if (row !== made) return { kind: 'row', row };
  const { id, named, token } = content;
  if (named || (token !== undefined && content.kind === 'job' && !isRandomId(id))) return { kind: 'refused' };
  if (content.kind !== 'job') return { kind: 'row', row: made };
  const { envelope } = content;
  try {
    checkRandomId(envelope);
    checkTime(envelope, { oldest: sentAt - retention * 1000, sentAt });
    return { kind: 'row', row: made };
  } catch (error) {
    return { kind: 'other', content: rejected(content, invalidId(messageId), asProblem(error)) };
  }
}

/** Counts and logs a message that opens nothing. Who sent it gets no answer, because SQS has taken it. */
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

export const CRASH_LOOP: StoredError = storedError(
  new PermanentError({ code: 'CrashLoop', message: 'the last runs of this job ended without any outcome' }),
);

export type ClaimResult =
  /** This run has the job until the lease ends. The claim stored the start of the step `begun`. */
  | { kind: 'claimed'; content: Content; row: JobRow; begun: string | undefined }
  /** The same, but the job's runs crashed. This run must park it. */
  | { kind: 'crash loop'; content: Content; row: JobRow }
  /** The message opens nothing, because the job has left the queue. Only missing writes are to be completed. */
  | { kind: 'late'; content: Content; row: JobRow }
  /** Another run, of the delivery `by`, has the job until `until`, in ms since 1970. */
  | { kind: 'busy'; until: number; by: Delivery | undefined }
  | { kind: 'refused'; content: Content };

/** Claims the job of a message for this run, by a conditional write, or returns why that is not possible. */
export async function claimJob(handling: Handling, content: Content): Promise<ClaimResult> {
  const { deps, contract, message, deadline } = handling;
  const { ledger, clock } = deps;
  const { queue } = contract;
  const { messageId, receiveCount, groupId, sequenceNumber: sequence, sentAt } = message;
  const group = groupId ? publicForm('group', groupId) : undefined;
  const delivery: Delivery = { messageId, receiveCount, sentAt, at: clock.now(), ...(sequence ? { sequence } : {}) };
  // Another worker's clock may be ahead, so the lease ends later than this function.
  const lease = { token: handling.leaseToken, until: deadline.at + CLOCK_SKEW_MS, messageId };
  let begun: string | undefined;
  const claimed = (row: JobRow, survived = false): JobRow => {
    const next = claim(row, { at: clock.now(), delivery, group, lease, survived });
    begun = firstStep(contract, content, next);
    if (begun === undefined) return next;
    return { ...next, steps: { [begun]: { status: 'started', startedAt: clock.now() } } };
  };
  const ours = (row: JobRow): ClaimResult =>
    isCrashLoop(row) ? { kind: 'crash loop', content, row } : { kind: 'claimed', content, row, begun };
  /** A claim whose answer is lost may be stored, and this run does nothing more. */
  const orWitness = async (error: unknown): Promise<never> => {
    if (error instanceof StoreError) await leaveWitness(deps, queue, lease.token);
    throw error;
  };

  const isNew = isProbablyNew(message, content);
  if (isNew) {
    const made = rowOfContent(content, { queue, group, sentAt, now: clock.now() });
    const row = await ledger.claimUnread(made, claimed(made)).catch(orWitness);
    if (row) return ours(row);
  }
  const read = ledger.get(jobKey(queue, content.id));
  for (let stored = await (isNew ? read.catch(orWitness) : read); ; ) {
    const { retention } = deps.settings(queue);
    const first: First = stored
      ? { kind: 'row', row: stored }
      : await firstRow(deps, content, { queue, messageId, group, sentAt, retention });
    if (first.kind === 'refused') return { kind: 'refused', content };
    if (first.kind === 'other') return claimJob(handling, first.content);
    const { row } = first;
    // The id belongs to a job with other data.
    if (!belongs(row, content.payloadHash))
      return claimJob(handling, content.named ? withoutBody(content) : rejected(content, invalidId(messageId)));
    // This run has the job already. The answer to an earlier write was lost.
    if (row.lease?.token === lease.token) return ours(row);
    const allowed = permission(row, message, content);
    if (allowed === 'refused') return endOwnRow(handling, content);
    if (allowed === 'late') return { kind: 'late', content, row };
    const last = row.state === 'processing' ? row.lease : undefined;
    if (last && last.until > clock.now()) {
      const by = row.deliveries.findLast((one) => one.messageId === last.messageId);
      return { kind: 'busy', until: last.until, by };
    }
    const survived = last !== undefined && (await hasWitness(deps, queue, last.token));
    const result = await ledger.write(claimed(row, survived), stored?.version ?? 0).catch(orWitness);
    if (result.written && survived) await dropWitness(deps, queue, last.token);
    if (result.written) return ours(result.item);
    stored = result.stored;
  }
}

/** When a refused message came before, there was no job of its id. So it got a row of its own, which must end. */
async function endOwnRow(handling: Handling, content: Content): Promise<ClaimResult> {
  const { deps, contract, message } = handling;
  const own = invalidId(message.messageId);
  const mayHaveOwn = message.receiveCount > 1 && content.id !== own;
  const before = mayHaveOwn ? await deps.ledger.get(jobKey(contract.queue, own)) : undefined;
  return before ? claimJob(handling, rejected(content, own)) : { kind: 'refused', content };
}

/** Whether the row is probably as its message describes it. If that is wrong, the claim costs a write more. */
const isProbablyNew = ({ receiveCount, attributes }: Incoming, { kind, envelope }: Content): boolean =>
  kind === 'job' &&
  envelope?.type !== CANARY_TYPE &&
  receiveCount === 1 &&
  attributes[ATTRIBUTE.returned] === undefined;

/** The step whose start the claim may store: the first of a job that has done nothing and that has not crashed. */
function firstStep({ types }: QueueContract, content: Content, row: JobRow): string | undefined {
  if (Object.keys(row.steps).length > 0 || row.crashes > 0 || content.kind !== 'job') return undefined;
  const { id, envelope } = content;
  const type = Object.hasOwn(types, envelope.type) ? types[envelope.type] : undefined;
  if (!type?.first) return undefined;
  const { data, issues } = normalise(envelope.type, type.schema, envelope.data);
  return issues ? undefined : type.first({ id, data, row, envelope });
}

/**
 * Only crashes stop a job from running. Used-up attempts do not, because the last outcome decided that the
 * job goes on. Since then the setting for attempts may have changed, or evidence may have proved an unknown step.
 */
const isCrashLoop = ({ crashes, crashesSinceOpened = 0 }: JobRow): boolean =>
  crashes >= CRASH_LOOP_RUNS || (crashes > 0 && crashesSinceOpened >= MOST_CRASHES);
