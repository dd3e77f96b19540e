import { isDeepStrictEqual } from 'node:util';
import { type Envelope, MAX_INLINE_DATA_BYTES, parseEnvelope } from '../../engine/jobs/envelope';
import { jobKey } from '../../engine/jobs/keys';
import { keptBody, sendOpen } from '../../engine/jobs/messages';
import { type JobRow, type Lack, lackedStep, type Step, withEntry } from '../../engine/jobs/row';
import { keepsEntry } from '../../engine/jobs/schedule';
import {
  cancel as cancelled,
  isCancelledByOperator,
  mayFollow,
  reopen,
  resend as resent,
  resolve,
} from '../../engine/jobs/transitions';
import { release } from '../../engine/reconcile/release';
import { IdempotencyConflictError, InvalidJobError } from '../../engine/submit/errors';
import { jobId, OPERATOR } from '../../engine/submit/options';
import { type Submission, submit } from '../../engine/submit/submit';
import { finish } from '../../engine/worker/close';
import { STEP_UNKNOWN } from '../../platform/errors';
import { campaigns } from '../../queues/emails/campaigns/campaign';
import { KIND_OF, type Kind, kinds } from '../../queues/kinds';
import { isUpload } from '../../queues/uploads';
import { type ActingDeps, decide, type OperatorDeps, OperatorError, operatorEntry, stateOf } from './operator';

/** Why an operator cannot do something to a job. `undefined`: as far as the row shows, it can be done. */
export const whyNot = {
  retry(row) {
    const { id, state, reason, replacedBy } = row;
    if (row.erased) return isErased(row);
    if (replacedBy !== undefined)
      return `${id} was sent again with other data, as ${replacedBy}. Retry that job instead.`;
    if (state === 'dead') return undefined;
    const is = `${id} is ${stateOf(row)}`;
    if (reason === 'superseded') return `${is}: a later command counts. Send a new job if this one is wanted.`;
    if (state === 'cancelled') return row.bodyKept || hasMessage(row) ? undefined : bodyIsGone(row);
    const refused = `${is}: only a dead or cancelled job can be retried.`;
    if (reason === 'unknown') return `${refused} Settle its step first: sls jobs settle ${id} --step STEP --as ANSWER`;
    return state === 'held' ? `${refused} It continues automatically.` : refused;
  },

  replace(row) {
    if (row.erased) return isErased(row);
    // The message of a job that was never sent may still come, and would run beside the new job.
    if (row.state !== 'dead' && !isCancelledByOperator(row))
      return `${row.id} is ${stateOf(row)}: only a dead or cancelled job can be sent again with other data.`;
    if (kindOf(row) === undefined) return `${row.id}: jobs of its type cannot be replaced.`;
    // Zendesk forgets an upload that no ticket names, and a reduction only says how the next request differs.
    const did = Object.entries(row.steps).find(([name, step]) => !/^(upload|reduced)/.test(name) && mayHaveDone(step));
    return did && `${row.id} may have done something (${did[0]}). Other data would do it a second time.`;
  },

  settle(row) {
    if ((row.state === 'held' && row.reason === 'unknown') || isUnknown(row)) return undefined;
    return `${row.id} is ${stateOf(row)}: only a step that is unknown can be settled.`;
  },

  resend(row) {
    const { id } = row;
    const step = lackedStep(row)?.what;
    if (row.erased) return isErased(row);
    if (step === undefined) return `${id} is ${stateOf(row)}: only the mail that a succeeded job lacks can be sent.`;
    if (isUnknown(row))
      return `${id} may have sent its mail. Look at the vendor's log, then settle it: sls jobs settle ${id} --step ${step} --as ANSWER`;
    if (row.recordedAt === undefined) return `${id} has just ended. Try again in a few minutes.`;
    return row.bodyKept ? undefined : bodyIsGone(row);
  },

  cancel(row, now) {
    const { id, state, lease } = row;
    if (state === 'processing' && (lease?.until ?? 0) > now)
      return `${id} is being processed. Wait a few minutes for the outcome, then try again.`;
    return mayFollow(row, 'cancel')
      ? undefined
      : `${id} is ${stateOf(row)}: only a queued or held job can be cancelled.`;
  },

  discard(row) {
    const is = `${row.id} is ${stateOf(row)}`;
    if (row.state !== 'dead') return `${is}: only a dead job can be discarded.`;
    return row.discarded ? `${is} already.` : undefined;
  },
} satisfies Record<string, (row: JobRow, now: number) => string | undefined>;

/** Whether the mail of a succeeded job may have been sent. */
const isUnknown = (row: JobRow): boolean => lackedStep(row)?.code === STEP_UNKNOWN && row.recordedAt !== undefined;

const isErased = ({ id }: JobRow): string => `${id}: what it was sent with was erased.`;

const bodyIsGone = (row: JobRow): string =>
  `${row.id} is ${stateOf(row)} and its body is gone. If it has a DLQ entry, redrive that in the AWS console. Otherwise let its producer send the job again.`;

export type JobAction = keyof typeof whyNot;

function check(action: JobAction, row: JobRow, now: number): void {
  const why = whyNot[action](row, now);
  if (why !== undefined) throw new OperatorError(why);
}

/**
 * Whether the message of a cancelled job without a kept body is still in its queue. A message that came after the
 * cancel would have left its body. A message that a worker acknowledged before the cancel never comes again.
 */
function hasMessage({ reason, sentAt, spentMessageIds, deliveries }: JobRow): boolean {
  const acknowledged = spentMessageIds.includes(deliveries.at(-1)?.messageId ?? '');
  return reason === 'operator' && sentAt !== undefined && !acknowledged;
}

/**
 * Sends a dead or cancelled job back to its queue, in its old message group. The job continues at its first step
 * without a result. The row comes first: it allows a message to run the job, and the reconciler sends one if this send
 * fails, and deletes the DLQ entry. `messageId`: the message. Missing: the job's own is still in its queue.
 */
export async function retry(deps: ActingDeps, row: JobRow): Promise<{ messageId?: string }> {
  check('retry', row, deps.clock.now());
  const campaign = row.parent === undefined ? undefined : await campaigns(deps).read(row.parent);
  if (campaign?.status === 'cancelled') throw new OperatorError(isOfCancelled(row, campaign.id));
  const open = reopen({ ...row, steps: wanted(row) }, operatorEntry(deps, 'reopened (operator)'));
  if (row.state === 'cancelled' && !row.bodyKept) {
    await decide(deps, row, open);
    return {};
  }
  const body = await keptBody(deps, row);
  if (body === undefined) throw new OperatorError(bodyIsGone(row));
  const { sentAt: _sentAt, ...unsent } = open;
  const { messageId } = await sendOpen(deps, await decide(deps, row, { ...unsent, bodyKept: true }), body);
  return { messageId };
}

/** The steps of a job that is retried. Its run ended it after an operator had said that a step did nothing: do that now. */
const wanted = ({ state, cancelledBy, steps }: JobRow): JobRow['steps'] => {
  const isUnwanted = (step: Step) => step.status === 'skipped' && step.reason === 'operator';
  if (state !== 'cancelled' || cancelledBy !== undefined) return steps;
  return Object.fromEntries(Object.entries(steps).filter(([, step]) => !isUnwanted(step)));
};

const isOfCancelled = ({ id }: JobRow, campaign: string): string =>
  `${id} is a part of the campaign ${campaign}, which is cancelled and sends nothing more. Start a new one for its recipients, which this lists: sls campaign report ${campaign} --failed`;

/** Sends the job back to its queue, where a run sends only its mail. */
export async function resend(deps: ActingDeps, row: JobRow): Promise<{ messageId: string }> {
  check('resend', row, deps.clock.now());
  const { what: step } = lackedStep(row) as Lack;
  const body = await keptBody(deps, row);
  if (body === undefined) throw new OperatorError(bodyIsGone(row));
  const open = resent(row, { ...operatorEntry(deps, 'resent (operator)'), owed: { step, vendor: 'sendgrid' } });
  return sendOpen(deps, await decide(deps, row, open), body);
}

/** The envelope of a dead or cancelled job. Data may be personal. Rejects with an OperatorError if the body is gone. */
export async function sentEnvelope(deps: OperatorDeps, row: JobRow): Promise<Envelope> {
  const body = await keptBody(deps, row);
  if (body !== undefined) return parseEnvelope(body);
  throw new OperatorError(`${row.id}: its body is not kept. A body is kept while its job is held, dead or cancelled.`);
}

/** Cancels a queued or held job. Its steps' effects remain. A worker acknowledges its message when SQS delivers it. */
export async function cancel(deps: ActingDeps, row: JobRow): Promise<JobRow> {
  if (isCancelledByOperator(row)) return row;
  const { at, note } = operatorEntry(deps, 'cancelled (operator)');
  check('cancel', row, at);
  return finish(deps, await decide(deps, row, cancelled(row, at, note)));
}

/**
 * Marks a dead job as discarded. The reconciler deletes its DLQ entry on its next walk. The job stays dead with its
 * body, its record shows the discard, and it can still be retried.
 */
export async function discard(deps: ActingDeps, row: JobRow): Promise<JobRow> {
  if (row.state === 'dead' && row.discarded) return row;
  const entry = operatorEntry(deps, keepsEntry(row) ? 'DLQ entry discarded (operator)' : 'discarded (operator)');
  check('discard', row, entry.at);
  // Without recordedAt, `finish` writes the record again.
  const { recordedAt, ...rest } = row;
  const discarded = await decide(deps, row, withEntry({ leftDlqAt: entry.at, ...rest, discarded: true }, entry));
  // The worker or the reconciler still completes this end, with its DLQ entry.
  return recordedAt === undefined ? discarded : finish(deps, discarded);
}

/** An operator's answer about an unknown step. `done`: it took effect. `skipped`: it did not, and is not repeated. */
type StepOutcome = 'done' | 'skipped';

/** Settles an unknown step by an operator's decision. After the last one, a held job is released. */
export async function settle(
  deps: ActingDeps,
  { row, step: name, as }: { row: JobRow; step: string; as: StepOutcome },
): Promise<JobRow> {
  const entry = operatorEntry(deps, `${name} settled as ${as} (operator)`);
  const { at } = entry;
  check('settle', row, at);
  const unknown = Object.keys(row.steps).filter(
    (step) => row.steps[step]?.status === 'unknown' && !row.evidence?.[step],
  );
  const step = row.steps[name];
  if (!step || !unknown.includes(name))
    throw new OperatorError(`${row.id} has no unknown step ${name}. --step must be ${unknown.join(' or ')}.`);
  // `done` becomes evidence, like a vendor's event. The run makes the step's result from it.
  const said: Partial<JobRow> =
    as === 'done'
      ? { evidence: { ...row.evidence, [name]: { at, event: 'operator' } } }
      : { steps: { ...row.steps, [name]: { ...step, status: 'skipped', endedAt: at, reason: 'operator' } } };
  const settled = withEntry({ ...row, ...said }, entry);
  // The reconciler completes a row by its evidence. A mail that was not sent can be resent.
  if (row.state === 'succeeded')
    return finish(deps, await decide(deps, row, as === 'done' ? settled : notSent(settled, name)));
  if (unknown.length > 1) return decide(deps, row, settled);
  // The job is due now, so if this release fails, the reconciler releases it.
  const releasable = await decide(deps, row, resolve(settled, at));
  await release(deps, releasable);
  return (await deps.ledger.get(row.key)) ?? releasable;
}

function notSent({ recordedAt: _recordedAt, without = [], ...row }: JobRow, step: string): JobRow {
  const lacks = without.map((lack) => (lack.what === step ? { ...lack, code: 'operator' } : lack));
  return { ...row, without: lacks, result: { ...(row.result as object), [step]: 'skipped: operator' } };
}

function kindOf({ type = '' }: JobRow): Kind | undefined {
  const kind = KIND_OF[type];
  return kind === 'campaign' ? undefined : kind;
}

/** A vendor that was down and later refused the request itself did nothing. */
const mayHaveDone = ({ status, reason }: Step): boolean =>
  status !== 'skipped' && !(status === 'started' && reason !== undefined);

/**
 * Sends a job again with other data, as a new job. The old one stays dead, names the new one and loses its DLQ entry.
 * The new id follows from the old one, so a repeat finds the same job.
 */
export async function replace(deps: ActingDeps, row: JobRow, data: unknown): Promise<{ id: string }> {
  check('replace', row, deps.clock.now());
  try {
    const submission = await submissionOf(deps, row, data);
    const id = submission.id ?? jobId({ ...submission, ...deps });
    // The old job first: from then on it cannot be retried beside the new one.
    const entry = operatorEntry(deps, 'replaced (operator)');
    if (row.replacedBy === undefined) await decide(deps, row, withEntry({ ...row, replacedBy: id }, entry));
    const now = await deps.ledger.get(jobKey(row.queue, row.id));
    if (now?.state === 'dead' && now.parkedAt !== undefined) await discard(deps, now);
    return await submit({ ...deps, source: `/operator/replaces/${row.id}` }, { ...submission, id });
  } catch (error) {
    if (error instanceof InvalidJobError) throw new OperatorError(error.message);
    if (error instanceof IdempotencyConflictError)
      throw new OperatorError(`${row.id} was sent again with other data before, as ${error.id}. Replace that job.`);
    throw error;
  }
}

/** Files that the job was sent with were checked then, and belong to its caller. Others would belong to no caller. */
async function submissionOf(deps: OperatorDeps, row: JobRow, data: unknown): Promise<Submission> {
  // The producer puts larger data into an object. Operators may write none of those.
  if (Buffer.byteLength(JSON.stringify(data ?? null)) > MAX_INLINE_DATA_BYTES)
    throw new OperatorError('The data must have at most 900 kB.');
  const { attachments, ...rest } = (data ?? {}) as { attachments?: unknown };
  const { correlationId } = row;
  const options = { key: `${row.queue}/${row.id}`, principal: OPERATOR, ...(correlationId ? { correlationId } : {}) };
  const make = (given: unknown) => kinds[kindOf(row) as Kind](given, options, deps);
  if (attachments === undefined) return make(data);
  const sent = ((await sentEnvelope(deps, row)).data ?? {}) as { attachments?: unknown };
  if (!isDeepStrictEqual(sent.attachments, attachments))
    throw new OperatorError('attachments: must be those that the job was sent with, or none');
  const submission = await make(rest);
  const keys = [attachments].flat().map((one: { key?: unknown } | null) => one?.key);
  const files = keys.filter((key) => isUpload(key, { ...deps, ...submission }));
  return { ...submission, data: { ...(submission.data as object), attachments }, files };
}

/** Does something to one job, and says what it did, after the job's name. */
export type Act = (deps: ActingDeps, row: JobRow) => Promise<string>;

export const SIMPLE_ACTIONS = {
  resend: async (deps, row) => `was ${stateOf(row)}, sent as message ${(await resend(deps, row)).messageId}.`,
  retry: async (deps, row) => {
    const { messageId } = await retry(deps, row);
    const how = messageId === undefined ? 'is open again with its old message' : `sent as message ${messageId}`;
    return `was ${stateOf(row)}, ${how}.`;
  },
  cancel: async (deps, row) => `was ${stateOf(row)}, is ${stateOf(await cancel(deps, row))}.`,
  discard: async (deps, row) => {
    await discard(deps, row);
    const entry = 'Its entry leaves the DLQ within minutes, or hours if that has thousands.';
    return `was ${stateOf(row)}. ${keepsEntry(row) ? entry : 'It had no DLQ entry any more.'}`;
  },
} satisfies Partial<Record<JobAction, Act>>;
export type SimpleAction = keyof typeof SIMPLE_ACTIONS;

export const settling =
  (step: string, as: StepOutcome): Act =>
  async (deps, row) =>
    `${step} is ${as}, the job is ${stateOf(await settle(deps, { row, step, as }))}.`;

export const replacing =
  (data: unknown): Act =>
  async (deps, row) =>
    `was ${stateOf(row)}, sent again with other data as ${(await replace(deps, row, data)).id}.`;
