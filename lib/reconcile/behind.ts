import { eachOf, throughAll } from '../concurrency';
import { codeOf } from '../errors';
import { groupBy } from '../group-by';
import { everyDue, SHARE } from '../jobs/due';
import { jobKey, orderKey, todoKey } from '../jobs/keys';
import { isEnd, type JobRow } from '../jobs/row';
import { endedIfDamaged } from './damaged';
import type { Turn } from './pace';
import { release } from './release';
import type { ReconcileRun, Work } from './run';

const AT_ONCE = 16;
/** Shares of rows per page. Most rows are already known from their line, so they only cost their place in the index. */
const PAGE_SHARES = 10;

interface Round {
  deps: ReconcileRun;
  queue: string;
  /** False when the time is over or the queue is full. */
  mayGoOn: () => boolean;
  turn: Turn;
  /** Keys of the jobs in the fronts that this round has read. */
  known: Set<string>;
  /** By group: the work on its line in this round. */
  served: Map<string, Promise<void>>;
}

/** A group with a line, and its rows that this round has not seen yet. */
interface Found {
  group: string;
  rows: JobRow[];
}

/**
 * Releases the jobs that wait behind another job of their group, in order, once that job has ended. Each line has an
 * entry in the index; the line that has waited longest for a look comes first. Lines of released code and damaged lines
 * have no entry, so the rows lead to them. A job that is in no line is released, so that it joins one.
 */
export const releaseBehind: Work = async (deps, queue, inTime) => {
  const turn = deps.pace.turn(queue, todoKey(queue, 'behind'));
  const mayGoOn = () => inTime() && turn.full() === 'no';
  const round: Round = { deps, queue, mayGoOn, turn, known: new Set(), served: new Map() };
  const each = (found: AsyncGenerator<Found>) => throughAll(found, (line) => serve(round, line), AT_ONCE);
  // Both run side by side, so that many lines do not keep rows from being read, nor many rows the lines.
  await throughAll([byLine(round), byRow(round)], each, 2);
  await turn.end();
  if (turn.full() === 'for now') deps.again((next, mayGoOn) => releaseBehind(next, queue, mayGoOn));
};

async function* byLine({ deps, queue, mayGoOn }: Round): AsyncGenerator<Found> {
  const start = orderKey(queue, '').length;
  for await (const keys of everyDue(deps, { todo: todoKey(queue, 'line'), mayGoOn }))
    for (const key of keys) yield { group: key.slice(start), rows: [] };
}

async function* byRow({ deps, queue, mayGoOn, known }: Round): AsyncGenerator<Found> {
  const { share = SHARE } = deps;
  const todo = todoKey(queue, 'behind');
  // Reads a share at a time. Each line that has its turn makes more of the other rows known.
  for await (const keys of everyDue({ ...deps, share: share * PAGE_SHARES }, { todo, mayGoOn }))
    for (let from = 0; from < keys.length; from += share) {
      const rows: JobRow[] = [];
      await eachOf(keys.slice(from, from + share), AT_ONCE, async (key) => {
        const row = mayGoOn() && !known.has(key) ? await deps.ledger.known(key) : undefined;
        if (row?.todo === todo) rows.push(row);
      });
      rows.sort((a, b) => (a.todoAt ?? 0) - (b.todoAt ?? 0));
      for (const [group, some] of groupBy(rows, (row) => row.group ?? '')) yield { group, rows: some };
    }
}

async function serve(round: Round, { group, rows }: Found): Promise<void> {
  const { deps, mayGoOn, known, served } = round;
  const serving = served.get(group) ?? releaseGroup(round, group);
  // A line has one turn in a round, even if both its entry and its rows lead to it.
  served.set(group, serving);
  await serving;
  for (const row of rows) {
    if (known.has(row.key) || !mayGoOn()) continue;
    // The job may have joined the line since the line was read.
    if (!(await deps.order.front(row)).includes(row.id)) await goBack(round, row);
  }
}

/** Releases a job if its queue has room. Returns whether it did. */
async function goBack({ deps, turn }: Round, row: JobRow): Promise<boolean> {
  let released = false;
  try {
    await turn.release(async () => {
      await release(deps, row);
      released = true;
    });
  } catch (error) {
    deps.failed({ queue: row.queue, jobId: row.id, code: codeOf(error) });
  }
  return released;
}

/**
 * Releases jobs from the front of a line, and stops at the first job that is not held behind another. So it releases
 * nothing while the jobs that it released last are on their way. Jobs that have ended leave the line.
 */
async function releaseGroup(round: Round, group: string): Promise<void> {
  const { deps, queue, mayGoOn, known } = round;
  if (!mayGoOn()) return;
  const { share = SHARE, settings, ledger, order } = deps;
  const line = { queue, group };
  const waiting = await order.look(line);
  for (const id of waiting) known.add(jobKey(queue, id));

  const ended: string[] = [];
  let left = 0;
  let released = 0;
  const leave = async () => {
    left += ended.length;
    if (ended.length > 0) await order.leave(line, ended.splice(0));
  };
  for (const id of waiting) {
    if (!mayGoOn() || released === share) break;
    const row = await ledger.get(jobKey(queue, id));
    if (row === undefined || isEnd(row.state)) ended.push(id);
    else if (row.state === 'held' && row.reason === 'behind') {
      // Ended jobs must leave first, or the released job would find them before it.
      await leave();
      if (!(await goBack(round, row))) break;
      released++;
    } else if (await endedIfDamaged(deps, row)) ended.push(id);
    else if (settings(queue).ordered) break;
  }
  await leave();
  // All jobs of the front have left, so the jobs behind them are the new front.
  if (left > 0 && left === waiting.length) await releaseGroup(round, group);
}
