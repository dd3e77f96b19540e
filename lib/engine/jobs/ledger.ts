import * as z from 'zod';
import type { QueueSettings } from '../../platform/config/functions';
import { ignoreStoreError, StoreError } from '../../platform/errors';
import type { Change, ItemHead } from '../../platform/ports';
import { describeIssue } from './envelope';
import { type ItemDeps, patiently, readItem, type Updated, updateItem, type Written, writeItem } from './items';
import { groupKey, jobKey, type TodoKind, todoKey, todoKeyOf, trialKey } from './keys';
import { type Evidence, isEnd, type JobRow, waitsForItsTime, without } from './row';
import { REASONS, STATES, shownState } from './states';
import { OF_LAST, placeOf } from './transitions';

/** The row refuses every further write of this run. */
export class LeaseLostError extends StoreError {
  constructor() {
    super({ code: 'LeaseLost', message: 'another run has taken the job' });
  }
}

export interface LedgerDeps extends ItemDeps {
  settings: (queue: string) => Pick<QueueSettings, 'retention'>;
  /** The newest schema of rows that the code knows. `ROW_SCHEMA` by default. */
  knows?: number;
}

export type Ledger = ReturnType<typeof createLedger>;

/** The rows of the jobs table. Every method throws an UnreadableRowError for a row that it must not run or write. */
export function createLedger(deps: LedgerDeps) {
  const { clock, settings, knows = ROW_SCHEMA } = deps;
  // A write changes what the reconciler must do next, so an earlier back-off must not delay that.
  const scheduled = ({ failures: _failures, ...row }: JobRow): JobRow => {
    // From now on messages of ours may be about the job, even if another sender's was the first.
    const token = row.token ?? (row.bodyKept ? deps.random.uuid() : undefined);
    const next = { ...row, ...(token === undefined ? {} : { token }), schema: knows, updatedAt: clock.now() };
    return withSchedule(next, settings(row.queue));
  };
  const rowIn = (item: ItemHead | undefined): JobRow | undefined => item && rowOf(item, knows);
  const get = async (key: string): Promise<JobRow | undefined> => rowIn(await readItem(deps, key));
  return {
    get,
    /** As `get`, for work on many rows. A row that cannot be read counts as none. */
    known: (key: string): Promise<JobRow | undefined> => get(key).catch(ignoreUnreadable),
    /** Whether there is a row, even one that cannot be read. */
    has: async (key: string) => (await readItem(deps, key)) !== undefined,
    /** Writes the row if version `expected` is stored. 0 means that no row is stored yet. */
    async write(row: JobRow, expected: number): Promise<Written<JobRow>> {
      const result = await writeItem(deps, scheduled(row), expected);
      return result.written ? result : { written: false, stored: rowIn(result.stored) };
    },
    /** Writes the claim `claimed` of `blank` without a read. `undefined`: the stored row is not as `blank` (firstClaim). */
    async claimUnread(blank: JobRow, claimed: JobRow) {
      const change = firstClaim(blank, { ...scheduled(claimed), writer: deps.random.uuid() });
      return rowIn(await patiently(deps, () => deps.table.update(blank.key, change)));
    },
    /** Changes the stored row, even while a run holds its lease. `change` and `known`: as in `updateItem`. */
    async update(key: string, change: (row: JobRow) => JobRow | undefined, known?: JobRow): Promise<Updated<JobRow>> {
      const changed = (item: ItemHead | undefined): ItemHead | undefined => {
        const row = rowIn(item);
        const next = row && change(row);
        return next && scheduled(next);
      };
      const { changed: done, item } = await updateItem(deps, key, changed, known as ItemHead | undefined);
      return done ? { changed: done, item: item as JobRow } : { changed: done, item: rowIn(item) };
    },
    trials: createTrials(deps),
  };
}

/**
 * A worker makes a note before it reads a message that came back from the DLQ. It reads such a message while no other
 * job runs. If the message is dead-lettered again, the note shows a poison message. Without a note no worker reached
 * the message: no worker started, or another message of the batch killed it.
 */
export function createTrials({ table, clock, random }: ItemDeps) {
  return {
    /** If the note fails, the work goes on without it. */
    begin: async (queue: string, messageId: string): Promise<void> => {
      const expiresAt = Math.ceil((clock.now() + ROW_LIFETIME_MS) / 1000);
      const note = { key: trialKey(queue, messageId), version: 1, writer: random.uuid(), expiresAt };
      // A note of an earlier delivery serves as well.
      await table.put(note, 0).catch(ignoreStoreError);
    },
    /** The worker survived the message and could store no outcome. Resolves to whether the note is surely gone. */
    forget: (queue: string, messageId: string): Promise<boolean> =>
      patiently({ clock, random }, () => table.delete(trialKey(queue, messageId), 1)).then(
        () => true,
        (error: unknown) => ignoreStoreError(error) ?? false,
      ),
    begun: async (queue: string, messageId: string) => (await table.get(trialKey(queue, messageId))) !== undefined,
  };
}

/** What a claim changes in the item of a row that has never been claimed. Its entry in the index stays. */
const CHANGED = ['state', 'lease', 'steps', 'deliveries', 'sentAt', 'firstStartedAt', 'updatedAt'];
/** What has another value if the job was accepted, planned or released. A claim reads none of these. */
const DIFFERENT = [
  ...(['version', 'writer', 'history', 'holds', 'createdAt', 'updatedAt'] as const),
  ...(['accepted', 'inGroup', 'todo', 'todoAt'] as const),
];
/** What a claim reads or removes, so the stored row must not have it unless the blank row does. */
const ABSENT = [
  ...['token', 'group', 'sequence', 'correlationId', 'parent', 'traceparent', 'canary', 'failures'],
  ...['expiresAt', 'firstStartedAt', ...OF_LAST],
];

/**
 * The claim of a queued job that no run has had, as a change that needs no read. `blank`: the row as the message
 * describes it. `claimed`: the claim of that. Nothing changes if a run has had the job, if it waits or has ended, or if
 * the row describes another job.
 */
function firstClaim(blank: JobRow, claimed: JobRow): Change {
  const before: object = without(blank, DIFFERENT);
  return {
    expected: {
      ...Object.fromEntries(ABSENT.map((name) => [name, undefined])),
      ...(before as Change['expected']),
      schema: claimed.schema,
    },
    set: { ...only(claimed, CHANGED), writer: claimed.writer },
    append: { history: claimed.history },
  };
}

const only = (item: object, names: readonly string[]) =>
  Object.fromEntries(Object.entries(item).filter(([name]) => names.includes(name)));

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

const count = z.int().min(0);
const time = z.number().min(0).max(8.64e15);
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
  .refine((row) => placeOf(row as unknown as JobRow) !== undefined, { path: ['state'], message: 'has no place' });

/** The row that an item stores. Throws an UnreadableRowError. `knows`: the newest schema that the caller knows. */
export function rowOf(item: ItemHead & { schema?: unknown }, knows = ROW_SCHEMA): JobRow {
  if (typeof item.schema === 'number' && item.schema > knows) throw new UnreadableRowError('NewerRow');
  const [first] = rowSchema.safeParse(item).error?.issues ?? [];
  if (!first) return item as JobRow;
  const job = item.key.slice(item.key.indexOf('#') + 1);
  throw new UnreadableRowError(ROW_DAMAGED, describeIssue(first, 'row').field, job);
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The longest wait for what a job owes. Such jobs of a stopped vendor stand in its list by the end of their wait. */
export const LONGEST_OWED_MS = DAY;
/** A row that the producer never marked as sent is cancelled after this time. */
const UNSENT_AFTER_MS = 15 * MINUTE;
/** A released or retried job whose message was not sent then gets it after this time. */
const SEND_AFTER_MS = 2 * MINUTE;
/** After this time the reconciler completes an end that lacks its record or its DLQ entry. */
const UNFINISHED_AFTER_MS = 5 * MINUTE;
/** A job that has ended, and whose next write fails again and again, is active up to this time from now. */
export const ENDED_WITHIN_MS = 2 * HOUR;
/** An ended job's row lives this long after its end, or longer while an operator can retry it. */
export const ROW_LIFETIME_MS = 45 * DAY;
/** A kept body is deleted at least a day before its row expires. */
const BODY_LIFETIME_MS = 44 * DAY;
/** The bucket's lifecycle rule deletes a job's objects after this time: bodies, data, lists and attachments. */
export const OBJECT_LIFETIME_MS = 120 * DAY;

/** How long after its send a message can come: the queue's retention, and an hour for clocks. In ms. */
export const expiresAfter = ({ retention }: Pick<QueueSettings, 'retention'>): number => retention * 1000 + HOUR;

/** Whether an open job is sent from its kept body. The row of a planned job says that it is kept before it is. */
export const isSentFromKept = ({ bodyKept, notBefore, holds, generation }: JobRow): boolean =>
  bodyKept === true && (notBefore === undefined || holds > 0 || generation > 1);

const due = (row: JobRow, kind: TodoKind, at: number) => ({ todo: todoKeyOf(row, kind), todoAt: at });

type Lifetimes = Pick<QueueSettings, 'retention' | 'retryDays'>;

/** What the reconciler must do next with a row, and when. */
export function todoOf(row: JobRow, settings: Lifetimes): { todo: string; todoAt: number } | undefined {
  const { state, reason, vendor, sentAt, updatedAt, retryAt = updatedAt, owed } = row;
  const expires = (sentAt ?? updatedAt) + expiresAfter(settings);
  switch (state) {
    case 'queued':
      if (sentAt === undefined)
        return due(row, 'active', isSentFromKept(row) ? updatedAt + SEND_AFTER_MS : row.createdAt + UNSENT_AFTER_MS);
      return due(row, 'active', expires);
    case 'processing':
      return due(row, 'active', Math.max((row.lease?.until ?? 0) + HOUR, expires));
    case 'held':
      if (waitsForItsTime(row)) return due(row, 'planned', retryAt);
      // All who call a vendor under a shared rate wait after a 429, so a released job that must wait does not call.
      if (vendor && (reason === 'stopped' || (reason === 'throttled' && !owed)))
        return {
          todo: todoKey(row.queue, 'held', vendor),
          todoAt: owed?.until ? owed.until - LONGEST_OWED_MS : retryAt,
        };
      if (reason === 'unknown' && isProven(row)) return due(row, 'held', updatedAt);
      if (reason === 'paused' || reason === 'unknown') return due(row, reason, updatedAt);
      return due(row, 'held', retryAt);
    default:
      return todoOfEnd(row, settings);
  }
}

const isProven = (row: JobRow): boolean =>
  provenSteps(row).length === Object.values(row.steps).filter(({ status }) => status === 'unknown').length;

export const provenSteps = ({ steps, evidence = {} }: Pick<JobRow, 'steps' | 'evidence'>): [string, Evidence][] =>
  Object.entries(evidence).filter(([name]) => steps[name]?.status === 'unknown');

function todoOfEnd(row: JobRow, { retryDays }: Lifetimes): { todo: string; todoAt: number } | undefined {
  const { updatedAt, endedAt = updatedAt, parkedAt } = row;
  if (provenSteps(row).length > 0) return due(row, 'active', updatedAt);
  if (row.recordedAt === undefined || (needsEntry(row) && parkedAt === undefined))
    return due(row, 'active', endedAt + UNFINISHED_AFTER_MS);
  if (keepsEntry(row)) return due(row, 'dead', parkedAt ?? updatedAt);
  const dropsAt = updatedAt + (retryDays === undefined ? BODY_LIFETIME_MS : retryDays * DAY);
  // Operators still look at it. Without a body it is never due: its row expires before.
  if (shownState(row) === 'dead') return due(row, 'expired', row.bodyKept ? dropsAt : updatedAt + 2 * ROW_LIFETIME_MS);
  return row.bodyKept ? due(row, 'kept', dropsAt) : undefined;
}

/**
 * The row's entry in the index. That of an active job comes soon after its acceptance and then stays, because a move
 * costs two writes, and most jobs end before. When it is due too early, the reconciler moves it (lib/engine/reconcile/ends.ts).
 */
function entryOf(row: JobRow, settings: Lifetimes): ReturnType<typeof todoOf> {
  const next = todoOf(row, settings);
  const active = todoKeyOf(row, 'active');
  const { todo = active, todoAt = row.createdAt + UNFINISHED_AFTER_MS, updatedAt } = row;
  const stays = todo === active && next?.todo === active && todoAt < next.todoAt && todoAt > updatedAt;
  return stays ? { todo, todoAt } : next;
}

/** Adds the index attributes. A canary's row has only the expiry, so that no walk through an index meets it. */
export function withSchedule(row: JobRow, settings: Lifetimes): JobRow {
  const { todo: _todo, todoAt: _todoAt, expiresAt: _expiresAt, ...rest } = row;
  const { updatedAt, endedAt = updatedAt } = row;
  const until = row.bodyKept || keepsEntry(row) ? updatedAt + ROW_LIFETIME_MS : endedAt + ROW_LIFETIME_MS;
  const expiresAt = Math.ceil(Math.max(until, updatedAt + DAY) / 1000);
  // The row outlives its message in any queue. Without its row, the message would count as a job.
  if (row.canary) return { ...rest, expiresAt };
  return {
    ...rest,
    accepted: row.queue,
    ...(row.group === undefined || row.group === row.id ? {} : { inGroup: groupKey(row.queue, row.group) }),
    ...entryOf(row, settings),
    ...(isEnd(row.state) ? { expiresAt } : {}),
  };
}

/** Whether the end of a job has an entry in the DLQ. The message of an expired job is gone; a replaced one needs none. */
export const needsEntry = ({ state, reason, replacedBy }: Pick<JobRow, 'state' | 'reason' | 'replacedBy'>): boolean =>
  state === 'dead' && reason !== 'expired' && replacedBy === undefined;

/** Whether the entry was neither discarded nor found expired. It may still have to be sent. */
export const keepsEntry = (row: Pick<JobRow, 'state' | 'reason' | 'replacedBy' | 'leftDlqAt'>): boolean =>
  needsEntry(row) && row.leftDlqAt === undefined;
