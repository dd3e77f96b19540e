import type { Random } from '../ports';
import { type Envelope, payloadHash } from './envelope';
import { jobKey } from './keys';
import type { JobRow } from './row';

/** The first version of a job's row, state `queued`; its producer writes it, or the worker that meets an unknown job. */
export function newRow({
  queue,
  envelope,
  group,
  now,
  random,
}: {
  queue: string;
  envelope: Envelope;
  group?: string;
  now: number;
  random: Random;
}): JobRow {
  return {
    key: jobKey(queue, envelope.id),
    version: 1,
    writer: random.uuid(),
    queue,
    id: envelope.id,
    type: envelope.type,
    source: envelope.source,
    time: Date.parse(envelope.time),
    payloadHash: payloadHash(envelope),
    ...(envelope.correlationid ? { correlationId: envelope.correlationid } : {}),
    ...(envelope.traceparent ? { traceparent: envelope.traceparent } : {}),
    ...(group ? { group } : {}),
    state: 'queued',
    opened: 1,
    attempts: 0,
    silent: 0,
    holds: 0,
    left: [],
    steps: {},
    history: [{ at: now, event: 'accepted' }],
    deliveries: [],
    createdAt: now,
    updatedAt: now,
  };
}
