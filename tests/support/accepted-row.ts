import { envelopeSchema } from '../../lib/jobs/envelope';
import { type JobRow, newRow } from '../../lib/jobs/row';
import { anEnvelope } from './engine';
import { memoryRandom } from './memory-clock';
import { SAMPLE_QUEUE } from './sample-contract';

/** A job's row as its producer writes it. `changes` apply to the envelope. */
export const acceptedRow = (now: number, changes: Record<string, unknown> = {}): JobRow =>
  newRow({
    queue: SAMPLE_QUEUE,
    envelope: envelopeSchema.parse(anEnvelope(changes)),
    group: 'g',
    now,
    random: memoryRandom(9),
  });
