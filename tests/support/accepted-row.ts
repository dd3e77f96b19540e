import { envelopeSchema } from '../../lib/engine/jobs/envelope';
import { type JobRow, newRow } from '../../lib/engine/jobs/row';
import { anEnvelope } from './engine';
import { memoryRandom } from './memory-clock';
import { SAMPLE_QUEUE } from './sample-contract';

/** A job's row as its producer writes it. `changes` apply to the envelope. */
export function acceptedRow(now: number, changes: Record<string, unknown> = {}): JobRow {
  const envelope = envelopeSchema.parse(anEnvelope(changes));
  return newRow({ queue: SAMPLE_QUEUE, envelope, group: 'g', now, random: memoryRandom(9) });
}
