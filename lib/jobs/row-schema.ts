import * as z from 'zod';
import { StoreError } from '../errors';
import type { Item } from '../ports';
import { describeIssue } from './envelope';
import { jobKey } from './keys';
import { CANCELLED_REASONS, type JobRow, type StoredError } from './row';

/** The schema of the rows that this code writes. Raise it if earlier code must leave the rows of the new code alone. */
export const ROW_SCHEMA = 1;

/** For a reader that never writes: rows of newer code too. */
export const ANY_SCHEMA = Number.POSITIVE_INFINITY;

/** The code of an entry in the DLQ whose message waits for code that knows the row. */
export const NEWER_ROW = 'NewerRow';

/** Newer code wrote the job's row or record. Only code that knows it may write the row or run the job. */
export class NewerRowError extends StoreError {
  constructor() {
    super({ code: NEWER_ROW, message: 'newer code wrote the row or the record of this job' });
  }
}

const count = z.int().min(0);
const time = z.number().min(0).max(8.64e15);
export const evidenceSchema = z.object({ at: time, event: z.string(), messageId: z.string().optional() });
const error = z.object({ class: z.string(), code: z.string(), message: z.string() });

/**
 * What the item of every row has. Other attributes are allowed. The
 * steps come first, because a damage of theirs matters most.
 */
const rowSchema = z
  .object({
    steps: z.record(
      z.string(),
      z.object({ status: z.enum(['started', 'done', 'unknown', 'skipped']), startedAt: time }),
    ),
    key: z.string(),
    version: z.int().min(1),
    queue: z.string(),
    id: z.string(),
    time,
    payloadHash: z.string(),
    state: z.enum(['queued', 'processing', 'held', 'succeeded', 'dead', 'cancelled']),
    reason: z.string().optional(),
    generation: count,
    attempts: count,
    crashes: count,
    holds: count,
    spentMessageIds: z.array(z.string()),
    history: z.array(z.object({ at: time, event: z.string() })),
    deliveries: z.array(z.object({ messageId: z.string(), sentAt: time })),
    createdAt: time,
    updatedAt: time,
    group: z.string().optional(),
    lease: z.object({ token: z.string(), until: time, messageId: z.string() }).optional(),
    evidence: z.record(z.string(), evidenceSchema).optional(),
    error: error.optional(),
    damage: error.optional(),
    retryAt: time.optional(),
    dueSince: time.optional(),
    notBefore: time.optional(),
    failingSince: time.optional(),
    vendor: z.string().optional(),
    sentAt: time.optional(),
    firstSequence: z.string().regex(/^\d+$/).optional(),
    firstStartedAt: time.optional(),
    endedAt: time.optional(),
    recordedAt: time.optional(),
    parkedAt: time.optional(),
    parkedFrom: z.string().optional(),
    leftDlqAt: time.optional(),
    bodyKept: z.boolean().optional(),
  })
  .refine(({ key, queue, id }) => key === jobKey(queue, id), { path: ['id'], message: 'must agree with the key' })
  .refine(
    ({ state, reason }) =>
      state !== 'cancelled' || (CANCELLED_REASONS as readonly (string | undefined)[]).includes(reason),
    {
      path: ['state'],
      message: 'must have a reason that belongs to it',
    },
  );

/** The damaged attributes of a row's item, and an error that names the first one. `undefined` if the row is whole. */
export function damageIn(item: Item): { attributes: ReadonlySet<string>; error: StoredError } | undefined {
  const { error } = rowSchema.safeParse(item, { reportInput: true });
  const [first] = error?.issues ?? [];
  if (!error || !first) return undefined;
  const { field, message } = describeIssue(first, 'row');
  return {
    attributes: new Set(error.issues.map(({ path: [attribute] }) => String(attribute))),
    error: { class: 'permanent', code: 'RowDamaged', message, field },
  };
}

/** The record of an old job, whose row is gone, cannot be read. */
export const RECORD_DAMAGED: StoredError = {
  class: 'permanent',
  code: 'RecordDamaged',
  message: 'record: must be the whole record of the job',
  field: 'record',
};

/** The payload hash of a damaged row that lost its own. Any body counts as the job's. */
export const ANY_PAYLOAD = '';

/** Whether the damage took what the job has done. Such a job must not start without an operator's word. */
export const lostSteps = ({ damage }: Pick<JobRow, 'damage'>): boolean =>
  damage?.field === RECORD_DAMAGED.field || /^row\.steps\b/.test(damage?.field ?? '');
