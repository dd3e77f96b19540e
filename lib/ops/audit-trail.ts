import { auditKey } from '../jobs/keys';
import { newId } from '../producer/job-id';
import type { Target } from '../target';
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

/** The note of an operator's entry in a history. */
export const auditNote = ({ audit }: Pick<ActingDeps, 'audit'>): string => `audit ${audit}`;
