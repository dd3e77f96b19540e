import { mayFollow } from '../jobs/arrows';
import type { JobRow } from '../jobs/row';
import { OperatorError, stateOf } from './operator';

/** An action of an operator on one job. `now`: ms since 1970. */
type WhyNot = (row: JobRow, now: number) => OperatorError | undefined;

/**
 * Why an operator cannot do something to a job. `undefined`: as far as the row tells, it can be done. The commands and the
 * console ask here, so that each offers what the other does.
 */
export const whyNot = {
  retry(row) {
    const { id, state, reason, replacedBy } = row;
    if (replacedBy !== undefined)
      return new OperatorError(`${id} was sent again with other data, as ${replacedBy}. Retry that job instead.`);
    if (state === 'dead') return undefined;
    if (reason === 'superseded')
      return new OperatorError(
        `${id} is ${stateOf(row)}: a later command counts. Send a new job if this one is wanted.`,
      );
    if (state === 'cancelled') return row.bodyKept || hasMessage(row) ? undefined : bodyGone(row);
    const refused = `${id} is ${stateOf(row)}: only a dead or cancelled job can be retried.`;
    if (state !== 'held') return new OperatorError(refused);
    if (reason !== 'unknown') return new OperatorError(`${refused} It continues automatically.`);
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
} satisfies Record<string, WhyNot>;

/**
 * Whether the message of a cancelled job without a kept body is still in its queue. A message that came after the cancel
 * would have left its body. A message that a worker acknowledged before the cancel never comes again.
 */
function hasMessage({ reason, sentAt, spentMessageIds, deliveries }: JobRow): boolean {
  const acknowledged = spentMessageIds.includes(deliveries.at(-1)?.messageId ?? '');
  return reason === 'operator' && sentAt !== undefined && !acknowledged;
}

/** A job without a body cannot be sent again. */
export const bodyGone = (row: JobRow): OperatorError =>
  new OperatorError(
    `${row.id} is ${stateOf(row)} and its body is gone, in the bucket and in the DLQ. Let its producer send the job again.`,
  );

/** Whether a dead job was sent back, and no worker has claimed its message yet. */
export const isRetried = ({ state, redrivenAt }: JobRow): boolean => state === 'dead' && redrivenAt !== undefined;
