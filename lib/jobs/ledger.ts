import type { QueueSettings } from '../config/common';
import { ignoreStoreError, StoreError } from '../errors';
import type { Clock, Item, Random, Table } from '../ports';
import { trialKey } from './keys';
import { firstClaim } from './new-row';
import type { JobRow } from './row';
import { ROW_LIFETIME_MS, withSchedule } from './schedule';
import { itemOf, ROW_SCHEMA, rowOf, UnreadableRowError } from './stored-row';

/** Another run has taken the job. The row refuses every further write of this run. */
export class LeaseLostError extends StoreError {
  constructor() {
    super({ code: 'LeaseLost', message: 'another run has taken the job' });
  }
}

/** Whether an update changed the item, and the item as it is stored now. An unchanged item may be missing. */
export type Updated<T> = { changed: true; item: T } | { changed: false; item: T | undefined };

export type Written<T, S = T> = { written: true; item: T } | { written: false; stored: S | undefined };

export interface LedgerDeps {
  table: Table;
  clock: Clock;
  random: Random;
  settings: (queue: string) => Pick<QueueSettings, 'retention'>;
  /** The newest schema of rows that the code knows. `ROW_SCHEMA` by default. */
  knows?: number;
}

export type ItemDeps = Pick<LedgerDeps, 'table' | 'clock' | 'random'>;

const TRIES = 3;
const RETRY_MS = 100;

/**
 * Writes an item under its next version. If the answer to a write is lost, the repeat (ours or the SDK's) finds its own
 * version in the table. It is recognised by `writer` and counts as written.
 */
export async function writeItem<T extends Item>({
  table,
  clock,
  random,
  item,
  expected,
}: ItemDeps & { item: T; expected: number }): Promise<Written<T, Item>> {
  const next = { ...item, version: expected + 1, writer: random.uuid() };
  return patiently({ clock, random }, async () => {
    if ((await table.put(next, expected)) === 'written') return { written: true, item: next };
    const stored = await table.get(next.key);
    if (stored?.version === next.version && stored.writer === next.writer) return { written: true, item: next };
    return { written: false, stored };
  });
}

/**
 * Reads, changes and writes a shared item, and repeats this if another writer changed the item in between. `change`
 * returns `undefined` to leave the item as it is. A caller that has just read the item passes it as `known`, which
 * saves the first read.
 */
export async function updateItem<T extends Item>(
  deps: ItemDeps,
  key: string,
  change: (item: T | undefined) => T | undefined,
  known?: T,
): Promise<Updated<T>> {
  for (let stored = known?.version ? known : ((await readItem(deps, key)) as T | undefined); ; ) {
    const next = change(stored);
    if (!next) return { changed: false, item: stored };
    const result = await writeItem({ ...deps, item: next, expected: stored?.version ?? 0 });
    if (result.written) return { changed: true, item: result.item };
    stored = result.stored as T | undefined;
  }
}

export const readItem = (deps: ItemDeps, key: string): Promise<Item | undefined> =>
  patiently(deps, () => deps.table.get(key));

/** Makes a call to the table, and repeats it while the table fails. The last failure is thrown. */
async function patiently<R>({ clock, random }: Omit<ItemDeps, 'table'>, call: () => Promise<R>): Promise<R> {
  for (let tried = 1; ; tried++)
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof StoreError) || tried === TRIES) throw error;
      await clock.sleep(RETRY_MS * 2 ** tried * (0.5 + random.fraction()));
    }
}

/** The rows of the jobs table. Every method throws an UnreadableRowError for a row that it must not run or write. */
export interface Ledger {
  get(key: string): Promise<JobRow | undefined>;
  /** As `get`, for work on many rows. A row that cannot be read counts as none. */
  known(key: string): Promise<JobRow | undefined>;
  /** Whether there is a row, even one that cannot be read. */
  has(key: string): Promise<boolean>;
  /** Writes the row if version `expected` is stored. 0 means that no row is stored yet. */
  write(row: JobRow, expected: number): Promise<Written<JobRow, JobRow>>;
  /**
   * Writes the first claim of a job without a read, and returns the row. `undefined`: nothing was written, because the
   * stored row is not as `blank` (lib/jobs/new-row.ts). `claimed`: the claim of `blank`.
   */
  claimUnread(blank: JobRow, claimed: JobRow): Promise<JobRow | undefined>;
  /**
   * Changes the stored row, even while a run holds its lease. `change` returns `undefined` to leave the row as it is. A
   * caller that has just read the row passes it as `known`.
   */
  update(key: string, change: (row: JobRow) => JobRow | undefined, known?: JobRow): Promise<Updated<JobRow>>;
  trials: ReturnType<typeof createTrials>;
}

export function createLedger(deps: LedgerDeps): Ledger {
  const { clock, settings, knows = ROW_SCHEMA } = deps;
  // A write changes what the reconciler must do next, so an earlier back-off must not delay that.
  const scheduled = ({ failures: _failures, ...row }: JobRow): JobRow => {
    // From now on messages of ours may be about the job, even if another sender's was the first.
    const token = row.token ?? (row.bodyKept ? deps.random.uuid() : undefined);
    const next = { ...row, ...(token === undefined ? {} : { token }), schema: knows, updatedAt: clock.now() };
    return withSchedule(next, settings(row.queue));
  };
  const rowIn = (item: Item | undefined): JobRow | undefined => item && rowOf(item, knows);
  const get = async (key: string): Promise<JobRow | undefined> => rowIn(await readItem(deps, key));
  return {
    get,
    known: (key) =>
      get(key).catch((error: unknown) => {
        if (!(error instanceof UnreadableRowError)) throw error;
        return undefined;
      }),
    has: async (key) => (await readItem(deps, key)) !== undefined,
    async write(row, expected) {
      const next = scheduled(row);
      const result = await writeItem({ ...deps, item: itemOf(next), expected });
      return result.written
        ? { written: true, item: asWritten(next, result.item) }
        : { written: false, stored: rowIn(result.stored) };
    },
    async claimUnread(blank, claimed) {
      const change = firstClaim(blank, { ...scheduled(claimed), writer: deps.random.uuid() });
      return rowIn(await patiently(deps, () => deps.table.update(blank.key, change)));
    },
    async update(key, change, known) {
      let next: JobRow | undefined;
      const changed = (row: JobRow | undefined): Item | undefined => {
        const wanted = row && change(row);
        next = wanted && scheduled(wanted);
        return next && itemOf(next);
      };
      const result = await updateItem(deps, key, (item) => changed(rowIn(item)), known && itemOf(known));
      return result.changed && next
        ? { changed: true, item: asWritten(next, result.item) }
        : { changed: false, item: rowIn(result.item) };
    },
    trials: createTrials(deps),
  };
}

const asWritten = (row: JobRow, { version, writer }: Item): JobRow => ({ ...row, version, writer });

/**
 * A worker makes a note before it reads a message that came back from the DLQ. It reads such a message while no other
 * job runs. If the message is dead-lettered again, the note shows a poison message. Without a note no worker reached
 * the message: no worker started, or another message of the batch killed it.
 */
export function createTrials({ table, clock, random }: ItemDeps) {
  return {
    /** Notes that a worker begins with the message. If the note fails, the work goes on without it. */
    begin: async (queue: string, messageId: string): Promise<void> => {
      const expiresAt = Math.ceil((clock.now() + ROW_LIFETIME_MS) / 1000);
      const note = { key: trialKey(queue, messageId), version: 1, writer: random.uuid(), expiresAt };
      // A note of an earlier delivery serves as well.
      await table.put(note, 0).catch(ignoreStoreError);
    },
    /** Removes the note, if the worker survived the message and could store no outcome. */
    forget: async (queue: string, messageId: string): Promise<void> => {
      await table.delete(trialKey(queue, messageId), 1).catch(ignoreStoreError);
    },
    begun: async (queue: string, messageId: string) => (await table.get(trialKey(queue, messageId))) !== undefined,
  };
}
