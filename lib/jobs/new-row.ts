import type { Change, Item, Random } from '../ports';
import { type Envelope, payloadHash, publicForm } from './envelope';
import type { Resolved } from './identify';
import { jobKey } from './keys';
import { type JobRow, type MadeState, without } from './row';
import { itemOf } from './stored-row';
import { OF_LAST } from './transitions';

interface Origin {
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

/** The row of a message's job, if the table has none. `sentAt`: when the message was sent, in ms since 1970. */
export function rowOfMessage(
  { id, envelope, payloadHash = '', token }: Resolved,
  { sentAt, ...given }: Pick<Origin, 'queue' | 'group' | 'now'> & { sentAt: number },
): JobRow {
  const origin = { ...given, token };
  return envelope ? rowOfEnvelope({ ...origin, envelope }) : blankRow({ ...origin, id, time: sentAt, payloadHash });
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

/** What a claim changes in the item of a row that has never been claimed. `todo` and `todoAt` follow from the rest. */
const CHANGED = ['state', 'lease', 'steps', 'deliveries', 'sentAt', 'firstStartedAt', 'updatedAt', 'todo', 'todoAt'];
/** What has another value if the job was accepted, planned or released. A claim reads none of these. */
const DIFFERENT = [
  ...(['version', 'writer', 'history', 'holds', 'createdAt', 'updatedAt'] as const),
  ...(['hour', 'inGroup', 'todo', 'todoAt'] as const),
];
/** What a claim reads or removes, so the stored row must not have it unless the blank row does. */
const ABSENT = [
  ...['token', 'group', 'sequence', 'correlationId', 'campaign', 'traceparent', 'canary', 'failures'],
  ...['expiresAt', 'firstStartedAt', ...OF_LAST],
];

/**
 * The claim of a queued job that no run has had, as a change that needs no read. `blank`: the row as the message
 * describes it. `claimed`: the claim of that. Nothing changes if a run has had the job, if it waits or has ended, or if
 * the row describes another job.
 */
export function firstClaim(blank: JobRow, claimed: JobRow): Change {
  const before = itemOf(without(blank, DIFFERENT));
  const after = itemOf(claimed);
  return {
    expected: {
      ...Object.fromEntries(ABSENT.map((name) => [name, undefined])),
      ...(before as Change['expected']),
      schema: after.schema as number,
    },
    set: { ...only(after, CHANGED), writer: claimed.writer },
    append: { history: claimed.history },
  };
}

const only = (item: Item, names: readonly string[]) =>
  Object.fromEntries(Object.entries(item).filter(([name]) => names.includes(name)));
