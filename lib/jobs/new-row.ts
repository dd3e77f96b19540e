import type { Random } from '../ports';
import { type Envelope, payloadHash, publicForm } from './envelope';
import { jobKey } from './keys';
import type { JobRow, MadeState } from './row';

export interface Origin {
  queue: string;
  id: string;
  /** When the job was first accepted, in ms since 1970. */
  time: number;
  payloadHash: string;
  group: string | undefined;
  token?: string | undefined;
  now: number;
}

/** The row of a job that nothing has happened to yet. The ledger sets version and writer at the first write. */
export function blankRow({ queue, id, time, payloadHash, group, token, now }: Origin): JobRow {
  return {
    key: jobKey(queue, id),
    version: 0,
    writer: '',
    queue,
    id,
    time,
    payloadHash,
    ...(token ? { token } : {}),
    ...(group ? { group: publicForm('group', group) } : {}),
    state: 'queued' as MadeState,
    generation: 1,
    attempts: 0,
    crashes: 0,
    holds: 0,
    spentMessageIds: [],
    steps: {},
    history: [],
    deliveries: [],
    createdAt: now,
    updatedAt: now,
  };
}

/** The row of a job that an envelope describes. Names that may be personal stay in the envelope. */
export function rowOfEnvelope({
  envelope,
  ...origin
}: Pick<Origin, 'queue' | 'group' | 'token' | 'now'> & { envelope: Envelope }): JobRow {
  const { correlationid, campaign, owner } = envelope;
  return {
    ...blankRow({ ...origin, id: envelope.id, time: Date.parse(envelope.time), payloadHash: payloadHash(envelope) }),
    type: publicForm('type', envelope.type),
    source: publicForm('source', envelope.source),
    ...(envelope.sequence ? { sequence: envelope.sequence } : {}),
    ...(correlationid ? { correlationId: publicForm('correlationId', correlationid) } : {}),
    ...(campaign ? { campaign } : {}),
    ...(owner ? { owner } : {}),
    ...(envelope.traceparent ? { traceparent: envelope.traceparent } : {}),
  };
}

/**
 * The first version of a job's row. The producer writes it. With `notBefore`, the row names the kept body before it is
 * there. If the producer dies between the two, the body is deleted with the row.
 */
export function newRow({
  random,
  group,
  notBefore,
  ...rest
}: Pick<Origin, 'queue' | 'now'> &
  Partial<Pick<Origin, 'group'>> & { envelope: Envelope; notBefore?: number | undefined; random: Random }): JobRow {
  const row = rowOfEnvelope({ ...rest, group, token: random.uuid() });
  const planned = notBefore === undefined ? {} : { notBefore, bodyKept: true };
  return { ...row, ...planned, version: 1, writer: random.uuid(), history: [{ at: rest.now, event: 'accepted' }] };
}

/** No queue's contract has this type, so a message without a canary's row is refused. */
export const CANARY_TYPE = 'canary.v1';
