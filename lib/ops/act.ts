import { ATTRIBUTE, isBodyOf, keepBody, keptBody, sendOpen } from '../jobs/messages';
import { type JobRow, noted } from '../jobs/row';
import { cancel as cancelled, isCancelledByOperator, mayFollow, reopen, resolve } from '../jobs/transitions';
import { release } from '../reconcile/release';
import { walkDeadLetters } from '../reconcile/walk';
import { finish } from '../worker/close';
import { type ActingDeps, auditNote, decide, type OperatorDeps, OperatorError, stateOf } from './operator';

/** Why an operator cannot do something to a job. `undefined`: as far as the row tells, it can be done. */
export const whyNot = {
  retry(row) {
    const { id, state, reason, replacedBy } = row;
    if (replacedBy !== undefined)
      return new OperatorError(`${id} was sent again with other data, as ${replacedBy}. Retry that job instead.`);
    if (state === 'dead') return undefined;
    const is = `${id} is ${stateOf(row)}`;
    if (reason === 'superseded')
      return new OperatorError(`${is}: a later command counts. Send a new job if this one is wanted.`);
    if (state === 'cancelled') return row.bodyKept || hasMessage(row) ? undefined : bodyGone(row);
    const refused = `${is}: only a dead or cancelled job can be retried.`;
    if (reason !== 'unknown')
      return new OperatorError(`${refused}${state === 'held' ? ' It continues automatically.' : ''}`);
    return new OperatorError(
      `${refused} Resolve its step first, as done or skipped:`,
      `jobs settle ${id} --step STEP --as ANSWER`,
    );
  },

  cancel(row, now) {
    const { id, state, lease } = row;
    if (state === 'processing' && (lease?.until ?? 0) > now)
      return new OperatorError(`${id} is being processed. Wait a few minutes for the outcome, then try again.`);
    if (mayFollow(row, 'cancel')) return undefined;
    return new OperatorError(`${id} is ${stateOf(row)}: only a queued or held job can be cancelled.`);
  },

  discard(row) {
    const { id, state, reason, leftDlqAt } = row;
    if (state !== 'dead') return new OperatorError(`${id} is ${stateOf(row)}: only a dead job has a DLQ entry.`);
    if (reason === 'expired' || leftDlqAt !== undefined)
      return new OperatorError(`${id} is ${stateOf(row)}, and it has no DLQ entry.`);
    return undefined;
  },

  settle(row) {
    if (row.state === 'held' && row.reason === 'unknown') return undefined;
    return new OperatorError(`${row.id} is ${stateOf(row)}: only a step of a held (unknown) job can be resolved.`);
  },
} satisfies Record<string, (row: JobRow, now: number) => OperatorError | undefined>;

/**
 * Whether the message of a cancelled job without a kept body is still in its queue. A message that came after the
 * cancel would have left its body. A message that a worker acknowledged before the cancel never comes again.
 */
function hasMessage({ reason, sentAt, spentMessageIds, deliveries }: JobRow): boolean {
  const acknowledged = spentMessageIds.includes(deliveries.at(-1)?.messageId ?? '');
  return reason === 'operator' && sentAt !== undefined && !acknowledged;
}

const bodyGone = (row: JobRow): OperatorError =>
  new OperatorError(
    `${row.id} is ${stateOf(row)} and its body is gone, in the bucket and in the DLQ. Let its producer send the job again.`,
  );

/**
 * Sends a dead or cancelled job back to its queue, in its old message group. The job continues at its first step
 * without a result. The row comes first, because it is what allows a message to run the job; the reconciler sends the
 * message if this send fails, and deletes the DLQ entry. Rejects with an OperatorError for other states, and if the
 * body is gone. `messageId`: the message that it sent. Missing: the job's own message is still in its queue.
 */
export async function retry(deps: ActingDeps, row: JobRow): Promise<{ messageId?: string }> {
  const refused = whyNot.retry(row);
  if (refused) throw refused;
  const open = reopen(row, { at: deps.clock.now(), event: 'reopened (operator)', note: auditNote(deps) });
  if (row.state === 'cancelled' && !row.bodyKept) {
    await decide(deps, row, open);
    return {};
  }
  const kept = await keptBody(deps, row);
  const body = kept ?? (await entryBody(deps, row));
  if (body === undefined) throw bodyGone(row);
  if (kept === undefined) await keepBody(deps, row, body);
  const { sentAt: _sentAt, ...unsent } = open;
  const { messageId } = await sendOpen(deps, await decide(deps, row, { ...unsent, bodyKept: true }), body);
  return { messageId };
}

/**
 * The body that a dead job's entry in the DLQ carries, for one whose kept body was removed from the bucket. Rejects
 * with an OperatorError where the entry may be there and cannot be seen.
 */
export async function entryBody(deps: OperatorDeps, row: JobRow): Promise<string | undefined> {
  if (row.state !== 'dead' || row.parkedAt === undefined || row.leftDlqAt !== undefined) return undefined;
  let found: string | undefined;
  const url = deps.dlqUrl(row.queue);
  const { inFlight } = await deps.queues.depth(url);
  const whole = await walkDeadLetters(deps, url, ({ body, attributes }) => {
    if (attributes[ATTRIBUTE.job] === row.id && isBodyOf(body, row)) found = body;
    return found === undefined;
  });
  if (found !== undefined || (whole && inFlight === 0)) return found;
  throw new OperatorError(
    `${row.id}: its body is gone from the bucket, and its DLQ entry is hidden or too far back. Try again in a few minutes, or within 11 hours if the DLQ is very large.`,
  );
}

/** Cancels a queued or held job. Its steps' effects remain. A worker acknowledges its message when SQS delivers it. */
export async function cancel(deps: ActingDeps, row: JobRow): Promise<JobRow> {
  const at = deps.clock.now();
  if (isCancelledByOperator(row)) return row;
  const refused = whyNot.cancel(row, at);
  if (refused) throw refused;
  return finish(deps, await decide(deps, row, cancelled(row, at, auditNote(deps))));
}

/**
 * Marks the DLQ entry of a dead job as discarded. The reconciler deletes the entry on its next walk. The job stays dead
 * with its body, its record shows the discard, and it can still be retried.
 */
export async function discard(deps: ActingDeps, row: JobRow): Promise<JobRow> {
  if (row.state === 'dead' && row.leftDlqAt !== undefined) return row;
  const refused = whyNot.discard(row);
  if (refused) throw refused;
  const at = deps.clock.now();
  // Without recordedAt, `finish` writes the record again.
  const { recordedAt, ...rest } = row;
  const marked: JobRow = { ...rest, leftDlqAt: at, discarded: true };
  const entry = { at, event: 'DLQ entry discarded (operator)', note: auditNote(deps) } as const;
  const discarded = await decide(deps, row, noted(marked, entry));
  // The worker or the reconciler still completes this end, with its DLQ entry.
  return recordedAt === undefined ? discarded : finish(deps, discarded);
}

/**
 * Resolves an unknown step by an operator's decision. `done`: the step took effect. `skipped`: it did not, and the job
 * continues without it. After its last unknown step is resolved, the job is released.
 */
export async function resolveStep(
  deps: ActingDeps,
  { row, step: name, as }: { row: JobRow; step: string; as: 'done' | 'skipped' },
): Promise<JobRow> {
  const refused = whyNot.settle(row);
  if (refused) throw refused;
  const unknown = Object.entries(row.steps).flatMap(([step, { status }]) =>
    status === 'unknown' && !row.evidence?.[step] ? [step] : [],
  );
  const step = row.steps[name];
  if (!step || !unknown.includes(name))
    throw new OperatorError(`${row.id} has no unknown step ${name}. --step must be ${unknown.join(' or ')}.`);

  const at = deps.clock.now();
  // `done` becomes evidence, like a vendor's event. The run makes the step's result from it.
  const said: Partial<JobRow> =
    as === 'done'
      ? { evidence: { ...row.evidence, [name]: { at, event: 'operator' } } }
      : { steps: { ...row.steps, [name]: { ...step, status: 'skipped', endedAt: at, reason: 'operator' } } };
  const entry = { at, event: `${name} settled as ${as} (operator)`, note: auditNote(deps) } as const;
  const resolved = noted({ ...row, ...said }, entry);
  if (unknown.length > 1) return decide(deps, row, resolved);
  // The job is due now, so if this release fails, the reconciler releases it.
  const releasable = await decide(deps, row, resolve(resolved, at));
  await release(deps, releasable);
  return (await deps.ledger.get(row.key)) ?? releasable;
}

/** What an operator can do to a job. */
export type JobAct = 'retry' | 'cancel' | 'discard';

/** Does it, and says what happened. */
export const JOB_ACTS: Record<JobAct, (deps: ActingDeps, row: JobRow) => Promise<string>> = {
  retry: async (deps, row) => {
    const { messageId } = await retry(deps, row);
    const how = messageId === undefined ? 'is open again with its old message' : `sent as message ${messageId}`;
    return `was ${stateOf(row)}, ${how}.`;
  },
  cancel: async (deps, row) => `was ${stateOf(row)}, is ${stateOf(await cancel(deps, row))}.`,
  discard: async (deps, row) => {
    await discard(deps, row);
    return `was ${stateOf(row)}. Its entry leaves the DLQ within minutes.`;
  },
};
