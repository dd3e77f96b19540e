import { StoreError } from '../errors';
import { auditKey } from '../jobs/keys';
import { newId } from '../producer/job-id';
import { isProduction, type Target } from '../target';
import type { ActingDeps, Reader } from './operator';

/** What an operator is about to do. */
export interface Act extends Omit<Target, 'region'> {
  /** The command, for example `jobs cancel`. */
  action: string;
  arguments: Record<string, string | boolean>;
  /** The ARN of the credentials. It may hold the address of a person, so it is in no row, record or log. */
  by: string;
  reason?: string | undefined;
}

/**
 * Stores who does something and why, before it is done. The object is never replaced. Returns its id, which the history
 * of each changed job names. Rejects with a StoreError, and then nothing may be changed.
 */
export async function writeAudit(
  { objects, prefix, clock, random }: Pick<Reader, 'objects' | 'prefix' | 'clock' | 'random'>,
  act: Act,
): Promise<string> {
  const id = newId({ clock, random });
  const body = JSON.stringify({ audit: 1, id, at: new Date(clock.now()).toISOString(), ...act });
  await objects.create(auditKey(prefix, id), body, 'application/json');
  return id;
}

/**
 * Stores an act that changes something, and in production shows it in the chat of the alarms. The act goes on without that,
 * and `note` says why.
 */
export async function auditChange(
  {
    publishAlarm,
    note,
    ...deps
  }: Parameters<typeof writeAudit>[0] & {
    publishAlarm: (message: { subject: string; text: string }) => Promise<void>;
    note: (text: string) => void;
  },
  act: Act,
): Promise<string> {
  const id = await writeAudit(deps, act);
  if (!isProduction(act)) return id;
  try {
    await publishAlarm({ subject: 'An operator changes production', text: `sls ${act.action}, audit ${id}` });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    note(`The chat of the alarms does not show this: ${error.message}`);
  }
  return id;
}

/** The note of an operator's entry in a history. */
export const auditNote = ({ audit }: Pick<ActingDeps, 'audit'>): string => `audit ${audit}`;
