import { isDeepStrictEqual } from 'node:util';
import { type Envelope, parseEnvelope } from '../jobs/envelope';
import { jobKey } from '../jobs/keys';
import { keptBody } from '../jobs/messages';
import { type JobRow, noted, type Step } from '../jobs/row';
import { isCancelledByOperator } from '../jobs/transitions';
import { IdempotencyConflictError, InvalidJobError } from '../submit/errors';
import { jobId } from '../submit/job-id';
import { type Kind, kinds } from '../submit/kinds';
import { type Submission, submit } from '../submit/submit';
import { isUpload } from '../submit/uploads';
import { OPERATOR } from '../submit/valid';
import { discard, entryBody } from './act';
import { type ActingDeps, auditNote, decide, type OperatorDeps, OperatorError, stateOf } from './operator';

/** The kind of job that each type of message is. Other types cannot be edited. */
const KIND_OF: Record<string, Kind> = {
  'feedback.submitted.v1': 'feedback',
  'email.message.v1': 'email',
  'testflight.invite.v1': 'invite',
  'testflight.remove.v1': 'removeTester',
  'testflight.notify-build.v1': 'notifyBuild',
};

/** The envelope of a dead or cancelled job. Data may be personal. Rejects with an OperatorError if the body is gone. */
export async function sentEnvelope(deps: OperatorDeps, row: JobRow): Promise<Envelope> {
  const body = (await keptBody(deps, row)) ?? (await entryBody(deps, row));
  if (body === undefined)
    throw new OperatorError(
      `${row.id}: its body is not kept. A body is kept while its job is held, dead or cancelled.`,
    );
  return parseEnvelope(body);
}

/** Why a job cannot be replaced. `undefined`: it can be. */
export function whyNotReplaceable(row: JobRow): string | undefined {
  // The message of a job that was never sent may still come, and would run beside the new job.
  if (row.state !== 'dead' && !isCancelledByOperator(row))
    return `${row.id} is ${stateOf(row)}: only a dead or cancelled job can be sent again with other data.`;
  if (KIND_OF[row.type ?? ''] === undefined) return `${row.id}: jobs of its type cannot be edited.`;
  const did = Object.entries(row.steps).find(([, step]) => mayHaveDone(step));
  if (did) return `${row.id} may have done something (${did[0]}). Other data would do it again.`;
  return undefined;
}

/** A vendor that was down and later refused the request itself did nothing. */
const mayHaveDone = ({ status, reason }: Step): boolean =>
  status !== 'skipped' && !(status === 'started' && reason !== undefined);

/**
 * Sends a job again with other data, as a new job. The old one stays dead, names the new one and loses its DLQ entry.
 * The new id follows from the old one, so a repeat finds the same job. Rejects with an OperatorError if the old job may
 * have done something, or if the data is not valid.
 */
export async function replace(deps: ActingDeps, row: JobRow, data: unknown): Promise<{ id: string }> {
  const refused = whyNotReplaceable(row);
  const kind = KIND_OF[row.type ?? ''];
  if (refused !== undefined || kind === undefined) throw new OperatorError(refused ?? '');
  const { correlationId } = row;
  const options = { key: `${row.queue}/${row.id}`, principal: OPERATOR, ...(correlationId ? { correlationId } : {}) };
  try {
    const submission = await checked(deps, row, (given) => kinds[kind](given, options, deps), data);
    const id = submission.id ?? jobId({ ...submission, ...deps });
    // The old job first: from then on it cannot be retried beside the new one.
    await retire(deps, row, id);
    return await submit({ ...deps, source: `/operator/replaces/${row.id}` }, { ...submission, id });
  } catch (error) {
    if (error instanceof InvalidJobError) throw new OperatorError(error.message);
    if (error instanceof IdempotencyConflictError)
      throw new OperatorError(`${row.id} was sent again with other data before, as ${error.id}. Edit that job.`);
    throw error;
  }
}

/** Files that the job was sent with were checked then, and belong to its caller. Others would belong to no caller. */
async function checked(
  deps: OperatorDeps,
  row: JobRow,
  make: (data: unknown) => Promise<Submission>,
  data: unknown,
): Promise<Submission> {
  const { attachments, ...rest } = (data ?? {}) as { attachments?: unknown };
  if (attachments === undefined) return make(data);
  const sent = ((await sentEnvelope(deps, row)).data ?? {}) as { attachments?: unknown };
  if (!isDeepStrictEqual(sent.attachments, attachments))
    throw new OperatorError('attachments: must be those that the job was sent with, or none');
  const submission = await make(rest);
  const keys = [attachments].flat().map((one: { key?: unknown } | null) => one?.key);
  const files = keys.filter((key) => isUpload(key, { ...deps, ...submission }));
  return { ...submission, data: { ...(submission.data as object), attachments }, files };
}

async function retire(deps: ActingDeps, row: JobRow, replacedBy: string): Promise<void> {
  const entry = { at: deps.clock.now(), event: 'replaced (operator)', note: auditNote(deps) } as const;
  if (row.replacedBy === undefined) await decide(deps, row, noted({ ...row, replacedBy }, entry));
  const now = await deps.ledger.get(jobKey(row.queue, row.id));
  if (now?.state === 'dead' && now.parkedAt !== undefined) await discard(deps, now);
}
