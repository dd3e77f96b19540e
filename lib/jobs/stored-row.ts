import * as z from 'zod';
import { StoreError } from '../errors';
import type { Item } from '../ports';
import { placeOf } from './arrows';
import { describeIssue } from './envelope';
import { jobKey } from './keys';
import { type JobRow, STATES } from './row';

/** The schema of the rows that this code writes. Raise it if earlier code must leave the rows of the new code alone. */
export const ROW_SCHEMA = 1;

/** The code of a row or record that does not parse, and of the DLQ entry whose message waits until it does. */
export const ROW_DAMAGED = 'RowDamaged';

/**
 * A row or a record that this code must neither run nor write. `RowDamaged`: it does not parse, and waits until a
 * person has restored it. `NewerRow`: a newer release wrote it, and its message comes back until that release is
 * deployed.
 */
export class UnreadableRowError extends StoreError {
  /** `job`: the id of the row, which may not be the id that a message names. */
  constructor(
    code: typeof ROW_DAMAGED | 'NewerRow',
    field: 'row' | 'record' | (string & {}) = 'row',
    readonly job?: string,
  ) {
    const message = code === ROW_DAMAGED ? `${field}: does not parse` : 'a newer release wrote the row or the record';
    super({ code, message, field });
  }
}

const count = z.int().min(0);
const time = z.number().min(0).max(8.64e15);
export const evidenceSchema = z.object({ at: time, event: z.string(), messageId: z.string().optional() });

/** Attributes of one form that a row may lack. */
const maybe = (form: z.ZodType, names: readonly (keyof JobRow)[]) =>
  Object.fromEntries(names.map((name) => [name, form.optional()]));

/** What the item of every row has. Other attributes are allowed, because a newer release may add some. */
const rowSchema = z
  .object({
    ...maybe(time, ['heldSince', 'outcomeAt', 'retryAt', 'dueSince', 'notBefore', 'failingSince', 'sentAt', 'endedAt']),
    ...maybe(time, ['firstStartedAt', 'recordedAt', 'parkedAt', 'leftDlqAt']),
    ...maybe(z.string(), ['reason', 'group', 'owner', 'token', 'vendor', 'parkedFrom', 'cancelledBy']),
    ...maybe(z.string().regex(/^\d+$/), ['firstSequence']),
    ...maybe(count, ['crashesSinceOpened']),
    ...maybe(z.boolean(), ['bodyKept']),
    ...maybe(z.object({ token: z.string(), until: time, messageId: z.string() }), ['lease']),
    ...maybe(z.record(z.string(), evidenceSchema), ['evidence']),
    ...maybe(z.object({ class: z.string(), code: z.string(), message: z.string() }), ['error']),
    key: z.string(),
    version: z.int().min(1),
    queue: z.string(),
    id: z.string(),
    time,
    payloadHash: z.string(),
    state: z.enum(STATES),
    generation: count,
    attempts: count,
    crashes: count,
    holds: count,
    spentMessageIds: z.array(z.string()),
    steps: z.record(
      z.string(),
      z.object({ status: z.enum(['started', 'done', 'unknown', 'skipped']), startedAt: time }),
    ),
    history: z.array(z.object({ at: time, event: z.string() })),
    deliveries: z.array(z.object({ messageId: z.string(), sentAt: time })),
    createdAt: time,
    updatedAt: time,
  })
  .refine(({ key, queue, id }) => key === jobKey(queue, id), { path: ['id'], message: 'must agree with the key' })
  .refine((row) => placeOf(row as unknown as JobRow) !== undefined, { path: ['state'], message: 'has no place' });

/** The row that an item stores. Throws an UnreadableRowError. `knows`: the newest schema that the caller knows. */
export function rowOf(item: Item, knows = ROW_SCHEMA): JobRow {
  if (typeof item.schema === 'number' && item.schema > knows) throw new UnreadableRowError('NewerRow');
  const [first] = rowSchema.safeParse(item).error?.issues ?? [];
  if (!first) return item as unknown as JobRow;
  const job = item.key.slice(item.key.indexOf('#') + 1);
  throw new UnreadableRowError(ROW_DAMAGED, describeIssue(first, 'row').field, job);
}

export const itemOf = (row: JobRow): Item => row as unknown as Item;
