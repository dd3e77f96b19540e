import type { Item, Random } from '../ports';
import type { Envelope } from './envelope';
import { newRow } from './new-row';
import type { JobRow } from './row';

/**
 * A queue's last canary (key `canary#{queue}`), written by the reconciler alone: a job that the worker claims and ends
 * like any other, without doing anything for it.
 */
export interface Canary extends Item {
  id: string;
  /** When it was made, ms since 1970. */
  at: number;
  /** What became of it was measured. */
  judged: boolean;
}

/** In no queue's contract: without a row that says so a message of this type is refused, like any of a wrong type. */
export const CANARY_TYPE = 'canary.v1';

type Made = Pick<Canary, 'id' | 'at'>;

/** The same each time it is made. */
export const canaryEnvelope = ({ id, at }: Made): Envelope => ({
  specversion: '1.0',
  id,
  type: CANARY_TYPE,
  source: 'reconciler',
  time: new Date(at).toISOString(),
});

/** The row that makes a canary of its message; the message itself says nothing that a worker believes. */
export function canaryRow(queue: string, made: Made, random: Random): JobRow {
  // A group of its own: it waits behind nobody's job, and no job behind it.
  const row = newRow({ queue, envelope: canaryEnvelope(made), group: made.id, now: made.at, random });
  return { ...row, canary: true };
}
