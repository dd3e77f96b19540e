import { eachOf, throughAll } from '../concurrency';
import { groupBy } from '../group-by';
import { everyDue, SHARE } from '../jobs/due';
import { jobKey, orderKey, todoKey } from '../jobs/keys';
import { isEnd, type JobRow } from '../jobs/row';
import { codeOf } from './due';
import type { Turn } from './pace';
import { release } from './release';
import type { ReconcileRun, Work } from './run';

const AT_ONCE = 16;
/** Shares of rows per page: most rows are known from their line, and cost nothing but their place in the index. */
const PAGE_SHARES = 10;

interface Round {
  deps: ReconcileRun;
  queue: string;
  /** While there is time, and room in the queue. */
  mayGoOn: () => boolean;
  turn: Turn;
  /** Keys of the jobs in the fronts that were looked at. */
  known: Set<string>;
  /** By group: its line has had its turn. */
  served: Map<string, Promise<void>>;
}

/** A group with a line, and rows of it that are not known yet. */
interface Found {
  group: string;
  rows: JobRow[];
}

/**
 * Releases jobs that were held behind another of their group, in their order, once that one has ended. Each line has an
 * entry in the index, the one first that was not looked at for the longest. Rows lead to lines without an entry, which
 * are of released code or damaged. A job that stands in no line is released, so that it joins.
 */
export const releaseBehind: Work = async (deps, queue, inTime) => {
  const turn = deps.pace.turn(queue, todoKey(queue, 'behind'));
  const mayGoOn = () => inTime() && turn.full() === 'no';
  const round: Round = { deps, queue, mayGoOn, turn, known: new Set(), served: new Map() };
  const each = (found: AsyncGenerator<Found>) => throughAll(found, (line) => serve(round, line), AT_ONCE);
  // Side by side: however many lines there are, rows are read, and the other way round.
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
  // Little by little: a line becomes known, with its other rows, as soon as it has its turn.
  for await (const keys of everyDue({ ...deps, share: share * PAGE_SHARES }, { todo, mayGoOn }))
    for (let from = 0; from < keys.length; from += share) {
      const rows: JobRow[] = [];
      await eachOf(keys.slice(from, from + share), AT_ONCE, async (key) => {
        const row = mayGoOn() && !known.has(key) ? await deps.ledger.get(key) : undefined;
        if (row?.todo === todo) rows.push(row);
      });
      rows.sort((a, b) => (a.todoAt ?? 0) - (b.todoAt ?? 0));
      for (const [group, some] of groupBy(rows, (row) => row.group ?? '')) yield { group, rows: some };
    }
}

async function serve(round: Round, { group, rows }: Found): Promise<void> {
  const { deps, mayGoOn, known, served } = round;
  const serving = served.get(group) ?? releaseGroup(round, group);
  // Once in a round, whatever led to the line.
  served.set(group, serving);
  await serving;
  for (const row of rows) {
    if (known.has(row.key) || !mayGoOn()) continue;
    // It may have joined since its line was looked at.
    if (!(await deps.order.front(row)).includes(row.id)) await goBack(round, row);
  }
}

/** Releases a job if its queue has room. Whether it did. */
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
 * Releases jobs from the front of a line up to the first that is not held behind, which goes before them. So nothing is
 * released while the jobs that were released last are on their way. Jobs that have ended leave the line.
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
      // First, or the job would find those before it.
      await leave();
      if (!(await goBack(round, row))) break;
      released++;
    } else if (settings(queue).ordered) break;
  }
  await leave();
  // None of those that waited is left: those behind them have moved up.
  if (left > 0 && left === waiting.length) await releaseGroup(round, group);
}
