import { keepBody } from '../jobs/body';
import { CRASH_LOOP } from '../jobs/claim';
import { countEnd } from '../jobs/count-end';
import { finish } from '../jobs/finish';
import { parkPoison } from '../jobs/transitions';
import type { Moved } from './returns';
import type { ReconcileRun } from './run';

/**
 * Ends a job that kills every worker that runs it. The DLQ gets an entry with the reason, and the message may go.
 * Returns `false` if the row has changed since; the next walk judges it again.
 */
export async function parkCrashed(deps: ReconcileRun, queue: string, moved: Moved): Promise<boolean> {
  const { ledger, clock, metrics, log } = deps;
  const { message, resolved } = moved;
  const at = clock.now();
  const base = moved.row;
  await keepBody(deps, base, resolved.body);
  const parked = parkPoison(base, { at, messageId: message.messageId, reason: 'crash', error: CRASH_LOOP });
  const result = await ledger.write(parked, base.version);
  if (!result.written) return false;
  countEnd(metrics, { queue, succeeded: 0, dead: 1 });
  log.error('parked after crashes', { queue, jobId: base.id, messageId: message.messageId, code: CRASH_LOOP.code });
  await finish(deps, result.item, resolved);
  return true;
}
