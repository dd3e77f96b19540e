import * as z from 'zod';
import { StoreError } from '../../platform/errors';
import type { ItemHead } from '../../platform/ports';
import { describeIssue } from './envelope';
import { count, time } from './items';
import { jobKey } from './keys';
import type { JobRow } from './row';
import { REASONS, STATES } from './states';
import { fromStateOf } from './transitions';

/** The schema of the rows that this code writes. Raise it if earlier code must leave the rows of the new code alone. */
export const ROW_SCHEMA = 1;

/** The code of a row or record that does not parse, and of the DLQ entry whose message waits until it does. */
export const ROW_DAMAGED = 'RowDamaged';

/**
 * A row or a record that this code must neither run nor write. `RowDamaged`: it does not parse, and waits until a
 * person restores it. `NewerRow`: a newer release wrote it, and its message comes back until that one is deployed.
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

/** For `catch`, where work goes on without such a row. Rethrows any other error. */
export function ignoreUnreadable(error: unknown): undefined {
  if (!(error instanceof UnreadableRowError)) throw error;
}

export const evidenceSchema = z.object({ at: time, event: z.string(), messageId: z.string().optional() });

/** Attributes of one form that a row may lack. */
function each(form: z.ZodType, names: readonly (keyof JobRow)[]) {
  const optional = form.optional();
  return Object.fromEntries(names.map((name) => [name, optional]));
}

/** Other attributes are allowed, because a newer release may add some. */
const rowSchema = z
  .object({
    ...each(time, ['heldSince', 'outcomeAt', 'retryAt', 'dueSince', 'notBefore', 'failingSince', 'sentAt', 'endedAt']),
    ...each(time, ['firstStartedAt', 'recordedAt', 'parkedAt', 'leftDlqAt']),
    ...each(z.string(), ['group', 'owner', 'person', 'token', 'vendor', 'parkedFrom', 'cancelledBy']),
    reason: z.enum(REASONS).optional(),
    firstSequence: z.string().regex(/^\d+$/).optional(),
    crashesSinceOpened: count.optional(),
    bodyKept: z.boolean().optional(),
    lease: z.object({ token: z.string(), until: time, messageId: z.string() }).optional(),
    evidence: z.record(z.string(), evidenceSchema).optional(),
    owed: z.object({ step: z.string(), vendor: z.string(), until: time.optional() }).optional(),
    without: z.array(z.object({ what: z.string(), code: z.string() })).optional(),
    warnings: z.array(z.string()).optional(),
    error: z.object({ class: z.string(), code: z.string(), message: z.string() }).optional(),
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
  .refine((row) => fromStateOf(row as unknown as JobRow) !== undefined, { path: ['state'], message: 'has no arrow' });

/** The row that an item stores. Throws an UnreadableRowError. `knows`: the newest schema that the caller knows. */
export function rowOf(item: ItemHead & { schema?: unknown }, knows = ROW_SCHEMA): JobRow {
  if (typeof item.schema === 'number' && item.schema > knows) throw new UnreadableRowError('NewerRow');
  const [first] = rowSchema.safeParse(item).error?.issues ?? [];
  if (!first) return item as JobRow;
  const job = item.key.slice(item.key.indexOf('#') + 1);
  throw new UnreadableRowError(ROW_DAMAGED, describeIssue(first, 'row').field, job);
}
