import type { QueueSettings } from '../../platform/config/functions';
import { ignoreStoreError, StoreError } from '../../platform/errors';
import type { Change, ItemHead } from '../../platform/ports';
import { type ItemDeps, patiently, readItem, type Updated, updateItem, type Written, writeItem } from './items';
import { trialKey } from './keys';
import { type JobRow, without } from './row';
import { ignoreUnreadable, ROW_SCHEMA, rowOf } from './row-schema';
import { ROW_LIFETIME_MS, withSchedule } from './schedule';
import { OF_LAST } from './transitions';

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
    // From now on messages of ours may be about the job, even if another program's was the first.
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
