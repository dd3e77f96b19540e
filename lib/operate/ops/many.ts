import { isEnd, type JobRow } from '../../engine/jobs/row';
import { mapEach } from '../../platform/concurrency';
import { StoreError } from '../../platform/errors';
import { groupBy } from '../../platform/group-by';
import { type Act, SIMPLE_ACTIONS, type SimpleAction, whyNot } from './act';
import { type ActingDeps, OperatorError, type Reader, stateOf } from './operator';
import { type JobFilter, listJobs } from './search';

export type ManyAction = SimpleAction | 'settle';

export const DONE: Record<ManyAction, string> = {
  resend: 'resent',
  retry: 'retried',
  cancel: 'cancelled',
  discard: 'discarded',
  settle: 'settled',
};

/** What a filter without a state means. A cancelled job stays so unless the filter names that state. */
const STATE: Partial<Record<ManyAction, string>> = {
  ...{ resend: 'succeeded', retry: 'dead', discard: 'dead', settle: 'held' },
};

/** The jobs of a filter that an action that begins at `began` may touch, in their order. */
export async function findMany(
  deps: Reader,
  action: ManyAction,
  filter: JobFilter,
  { began, signal }: { began: number; signal?: AbortSignal },
) {
  const { state = STATE[action] } = filter;
  const found = await listJobs(deps, { ...filter, state }, { signal, keep: (row) => mayTouch(action, row, began) });
  return { ...found, rows: inOrder(found.rows) };
}

export const inOrder = (rows: readonly JobRow[]) => rows.toSorted((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1));

/** Counts jobs by queue, state and error code, the most frequent first. */
export function kindsOf(rows: readonly JobRow[]) {
  const kinds = groupBy(rows, (row) => JSON.stringify([row.queue, stateOf(row), row.error?.code ?? '']));
  const counts = [...kinds].map(([kind, { length: jobs }]) => {
    const [queue = '', state = '', code = ''] = JSON.parse(kind) as string[];
    return { queue, state, code, jobs };
  });
  return counts.sort((a, b) => b.jobs - a.jobs);
}

const PER_SECOND = 20;
const SECOND_MS = 1_000;
const GROUPS_AT_ONCE = 8;
const READS_AT_ONCE = 16;

/**
 * Whether the loop that began at `began` may touch a job. A job that ends during the loop is left alone, so no job is
 * retried twice, and so is one that an operator discarded.
 */
function mayTouch(action: ManyAction, row: JobRow, began: number): boolean {
  if ((row.endedAt ?? row.createdAt) >= began || whyNot[action](row, began) !== undefined) return false;
  return action !== 'retry' || !row.discarded;
}

/**
 * Does the same to each job, 20 a second: message groups side by side, and the jobs of a group in order. Each row is
 * read again first. Once `signal` is aborted, it stops after the jobs of this second (`stopped`), and running the
 * command again goes on. Rejects with an OperatorError if the table, the bucket or a queue fails.
 */
export async function actOnEach(
  deps: ActingDeps,
  rows: readonly JobRow[],
  how: { action: ManyAction; act?: Act; began: number; signal: AbortSignal; onProgress?: (done: number) => void },
) {
  const { clock, ledger } = deps;
  const { action, act = SIMPLE_ACTIONS[action as SimpleAction], began, signal, onProgress } = how;
  const done: JobRow[] = [];
  const refused: { id: string; why: string }[] = [];

  async function touch({ key, id }: JobRow): Promise<void> {
    const row = await ledger.known(key);
    if (!row || !mayTouch(action, row, began)) {
      const why = row ? `it has changed, and is ${stateOf(row)}` : 'its row cannot be read';
      return void refused.push({ id, why });
    }
    try {
      await act(deps, row);
      done.push(row);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      refused.push({ id, why: error.message });
    }
  }

  for (let at = 0; at < rows.length; at += PER_SECOND) {
    if (signal.aborted) return { done, refused, stopped: true };
    const second = clock.now();
    const groups = groupBy(rows.slice(at, at + PER_SECOND), ({ queue, id, group = id }) => `${queue} ${group}`);
    await mapEach([...groups.values()], GROUPS_AT_ONCE, async (group) => {
      for (const row of group) await touch(row);
    }).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
      throw new OperatorError(
        `${error.message}. ${done.length} of ${rows.length} jobs are done. Run the command again to go on.`,
      );
    });
    onProgress?.(Math.min(at + PER_SECOND, rows.length));
    if (at + PER_SECOND < rows.length) await clock.sleep(Math.max(0, SECOND_MS - (clock.now() - second)));
  }
  return { done, refused, stopped: false };
}

const OUTCOMES_MS = 60_000;
const POLL_MS = 1_000;

/** Waits until jobs have ended, at most so long or until `signal`. Returns the rows that they have then. */
export async function outcomesOf(
  { ledger, clock }: Pick<Reader, 'ledger' | 'clock'>,
  jobs: readonly { key: string }[],
  { withinMs = OUTCOMES_MS, signal }: { withinMs?: number; signal?: AbortSignal } = {},
): Promise<JobRow[]> {
  const until = clock.now() + withinMs;
  const now = new Map<string, JobRow>();
  for (let waiting = jobs; ; ) {
    for (const row of await mapEach(waiting, READS_AT_ONCE, ({ key }) => ledger.known(key)))
      if (row) now.set(row.key, row);
    waiting = waiting.filter(({ key }) => !isEnd(now.get(key)?.state ?? 'queued'));
    if (waiting.length === 0 || signal?.aborted || clock.now() >= until) return [...now.values()];
    await clock.sleep(POLL_MS);
  }
}
