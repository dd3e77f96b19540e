import type { ItemDeps } from '../../engine/jobs/items';
import { auditKey, bodyKey, recordKey } from '../../engine/jobs/keys';
import type { HashPeople } from '../../engine/jobs/person-hash';
import { recordOf } from '../../engine/jobs/record';
import type { JobEvent, JobRow, Lack } from '../../engine/jobs/row';
import { shownState } from '../../engine/jobs/states';
import type { ReconcileDeps } from '../../engine/reconcile/contract';
import { newId } from '../../engine/submit/options';
import type { SuppressionList } from '../../mail/suppression';
import type { SendingLimits } from '../../platform/config/functions';
import { STEP_UNKNOWN, StoreError } from '../../platform/errors';
import type { Mappings, Monitoring } from '../../platform/ports';
import { isProduction, type Target } from '../../platform/target';
import { MAIL_STEPS } from '../../queues/queues';

/** Operators do the reconciler's kind of work by hand, so their commands use the same services. */
export type OperatorDeps = ReconcileDeps & { hashPeople: HashPeople; limits?: SendingLimits | undefined };

/** For what changes a job: also the id of the object that says who changes it, and why (`audit`). */
export type ActingDeps = OperatorDeps & { audit: string };

/** What operators read and change of an instance: also its queues' event source mappings, its metrics and alarms. */
export interface Deployment extends OperatorDeps {
  instance: string;
  by: string;
  mappings: Mappings;
  monitoring: Monitoring;
  /** Where people read the tickets of Zendesk: an address without the ticket's id. Missing if the instance has none. */
  tickets?: string | undefined;
  /** How an operator looks up and deletes tickets. Missing without a token for it. */
  zendesk?: { endpoint: string; authorization: string } | undefined;
  /** Missing if the instance has no campaigns. */
  suppression?: SuppressionList | undefined;
  publishAlarm: (message: { subject: string; text: string }) => Promise<void>;
}

/** For what only reads the table and the bucket, and never calls SQS. */
export interface Reader extends ItemDeps, Pick<OperatorDeps, 'ledger' | 'objects' | 'prefix' | 'settings'> {
  queueNames: OperatorDeps['queueNames'];
  works: OperatorDeps['works'];
  hashPeople: HashPeople;
  limits?: SendingLimits | undefined;
}

export class OperatorError extends Error {
  override readonly name = 'OperatorError';
}

/** Throws an OperatorError for a queue that the instance does not have. */
export function knownQueue({ queueNames }: { queueNames: readonly string[] }, queue: string): string {
  if (queueNames.includes(queue)) return queue;
  throw new OperatorError(`There is no queue ${queue}. --queue must be one of ${queueNames.join(', ')}.`);
}

/** The named queue, or all queues of the instance. Throws an OperatorError for a queue that it does not have. */
export const queuesOf = (names: { queueNames: readonly string[] }, queue: string | undefined): readonly string[] =>
  queue === undefined ? names.queueNames : [knownQueue(names, queue)];

/**
 * A job's state for people, such as `held (throttled)`, `discarded (error)`, `replaced (error)`, or `succeeded, without
 * its mail: SendgridRejected`.
 */
export function stateOf(
  row: Pick<JobRow, 'state' | 'reason' | 'discarded' | 'replacedBy' | 'erased' | 'without'>,
): string {
  const { state, erased, without = [] } = row;
  // The job itself is not stopped.
  const reason = row.reason === 'stopped' ? 'vendor stopped' : row.reason;
  const shown = `${shownState(row)}${reason === undefined ? '' : ` (${reason})`}`;
  return [shown, ...(state === 'succeeded' ? without.map(lackText) : []), ...(erased ? ['erased'] : [])].join(', ');
}

const MAILS = Object.values(MAIL_STEPS);

function lackText({ what, code }: Lack): string {
  const named = MAILS.includes(what) ? 'its mail' : what;
  return code === STEP_UNKNOWN ? `perhaps without ${named}` : `without ${named}: ${code}`;
}

/** Writes an operator's decision. Rejects if the row has changed since it was read. */
export async function decide({ ledger }: Pick<OperatorDeps, 'ledger'>, row: JobRow, next: JobRow): Promise<JobRow> {
  const result = await ledger.write(next, row.version);
  if (!result.written) throw new OperatorError(`${row.id} has just changed. Look at it again.`);
  return result.item;
}

/** A job as in its record, with the keys of its record and its kept body. */
export function jobView(row: JobRow, prefix: string): Record<string, unknown> {
  const { record: _record, ...shown } = JSON.parse(recordOf(row)) as Record<string, unknown>;
  return {
    ...shown,
    ...(row.recordedAt !== undefined && { recordKey: recordKey(prefix, row) }),
    ...(row.bodyKept && { bodyKey: bodyKey(prefix, row.queue, row.id) }),
  };
}

/** When the job continues automatically. `undefined`: it waits for something other than a time. */
export const nextAt = ({ reason, retryAt }: JobRow): number | undefined =>
  reason === 'stopped' || reason === 'unknown' ? undefined : retryAt;

/** What an operator is about to do. `action`: the command, for example `jobs cancel`. */
export interface Act extends Pick<Target, 'stage'> {
  action: string;
  arguments: Record<string, string | boolean>;
  reason?: string | undefined;
  /** It changes nothing, but shows personal data. */
  reads?: true;
}

/**
 * Stores who does something and why, before it is done. Returns the object's id, which the history of each changed job
 * names. Rejects with a StoreError, and then nothing may be changed. The ARN of the credentials may hold a person's
 * address, so it is in this object only. The alarms' chat shows a change of production; without the chat it goes on.
 */
export async function audit(deps: Deployment, { action, stage, arguments: given, reason, reads }: Act) {
  const { objects, prefix, clock, random, instance, by } = deps;
  const id = newId({ clock, random });
  const at = new Date(clock.now()).toISOString();
  const why = reason?.trim() || undefined;
  const body = JSON.stringify({ audit: 1, id, at, action, arguments: given, instance, stage, by, reads, reason: why });
  await objects.create(auditKey(prefix, id), body, 'application/json');
  if (reads || !isProduction({ stage })) return id;
  try {
    await deps.publishAlarm({ subject: 'An operator changes production', text: `sls ${action}, audit ${id}` });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    deps.log.warn(`The chat of the alarms does not show this: ${error.message}`);
  }
  return id;
}

export const operatorEntry = <Event extends JobEvent>({ clock, audit }: ActingDeps, event: Event) => ({
  at: clock.now(),
  event,
  note: auditNote(audit),
});

export const auditNote = (id: string): string => `audit ${id}`;
