import type { Item, Random } from '../ports';
import type { Envelope } from './envelope';
import { newRow } from './new-row';
import type { JobRow } from './row';

/** A queue's last canary (key `canary#{queue}`): a job without any work. Only the reconciler writes this item. */
export interface Canary extends Item {
  id: string;
  /** When it was made, ms since 1970. */
  at: number;
  /** Whether its outcome was measured. */
  judged: boolean;
}

/** No queue's contract has this type, so a message without a canary's row is refused. */
export const CANARY_TYPE = 'canary.v1';

type Made = Pick<Canary, 'id' | 'at'>;

/** The same envelope for the same canary. */
export const canaryEnvelope = ({ id, at }: Made): Envelope => ({
  specversion: '1.0',
  id,
  type: CANARY_TYPE,
  source: 'reconciler',
  time: new Date(at).toISOString(),
});

/** The row of a canary. The worker trusts this row, and never the message. */
export function canaryRow(queue: string, made: Made, random: Random): JobRow {
  // With its own group the canary waits for no other job, and no job waits for the canary.
  const row = newRow({ queue, envelope: canaryEnvelope(made), group: made.id, now: made.at, random });
  return { ...row, canary: true };
}
