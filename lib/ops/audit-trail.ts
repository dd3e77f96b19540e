import { StoreError } from '../errors';
import { auditKey } from '../jobs/keys';
import { newId } from '../submit/job-id';
import { isProduction, type Target } from '../target';
import type { ActingDeps, Deployment } from './operator';

/** What an operator is about to do. `action`: the command, for example `jobs cancel`. */
export interface Act extends Pick<Target, 'stage'> {
  action: string;
  arguments: Record<string, string | boolean>;
  reason?: string | undefined;
}

type AuditDeps = Pick<Deployment, 'objects' | 'prefix' | 'clock' | 'random' | 'instance' | 'by'>;

/**
 * Stores who does something and why, before it is done. The object is never replaced. Returns its id, which the history
 * of each changed job names. Rejects with a StoreError, and then nothing may be changed. The ARN of the credentials may
 * hold the address of a person, so it is in this object only, and in no row, record or log.
 */
export async function writeAudit(
  { objects, prefix, clock, random, instance, by }: AuditDeps,
  { action, stage, arguments: given, reason }: Act,
): Promise<string> {
  const id = newId({ clock, random });
  const at = new Date(clock.now()).toISOString();
  const why = reason?.trim() || undefined;
  const body = JSON.stringify({ audit: 1, id, at, action, arguments: given, instance, stage, by, reason: why });
  await objects.create(auditKey(prefix, id), body, 'application/json');
  return id;
}

/** Stores a change, and in production shows it in the alarms' chat. It goes on without that, and the log says why. */
export async function auditChange(
  { publishAlarm, log, ...deps }: AuditDeps & Pick<Deployment, 'publishAlarm' | 'log'>,
  act: Act,
): Promise<string> {
  const id = await writeAudit(deps, act);
  if (!isProduction(act)) return id;
  try {
    await publishAlarm({ subject: 'An operator changes production', text: `sls ${act.action}, audit ${id}` });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn(`The chat of the alarms does not show this: ${error.message}`);
  }
  return id;
}

/** The note of an operator's entry in a history. */
export const auditNote = ({ audit }: Pick<ActingDeps, 'audit'>): string => `audit ${audit}`;
