import type { Clock, Item, Random, Table } from '../ports';
import { orderKey, todoKey } from './keys';
import { readItem, writeItem } from './ledger';
import type { JobRow } from './row';
import { ROW_LIFETIME_MS } from './schedule';
import { createTickets, type Line } from './tickets';

type Place = Pick<JobRow, 'queue' | 'group'>;

/** The stored front of a line. Released code knows only `waiting`, and drops the rest when it writes. */
interface Front extends Item {
  waiting: string[];
}

/**
 * Keeps the order of a group in an `ordered` queue while jobs are held outside the queue. Later jobs of the group must
 * not overtake a held job, so they join its line. A job joins before it is held, and leaves when it has ended.
 *
 * The front of a line is one item with a short list. Jobs behind it hold tickets, and move up when the front is short.
 */
export interface Order {
  /** Ids at the front of the group's line. Only the first may run. */
  front(place: Place): Promise<readonly string[]>;
  /** Joins the line, or finds the job's place. Returns the job's ticket if its place is behind the front. */
  join(job: Place & Pick<JobRow, 'id' | 'ticket'>): Promise<number | undefined>;
  leave(place: Place, ids: readonly string[]): Promise<void>;
  /** As `front`, and moves the line to the end of the reconciler's turns. */
  look(place: Place): Promise<readonly string[]>;
}

/** Released code understands a line that is no longer than this. */
const FRONT = 100;
/** A longer list, of released code, may fill its item to the last byte, so it gets no index entry. Its rows lead to it. */
const LISTED = 8_000;

/** `most`: the largest number of ids in a front, at least two. */
export function createOrder(deps: { table: Table; clock: Clock; random: Random; most?: number }): Order {
  const { clock, most = FRONT } = deps;
  const tickets = createTickets(deps);

  async function read({ queue, group }: Line) {
    const stored = (await readItem(deps, orderKey(queue, group))) as Front | undefined;
    // A damaged list counts as empty. The reconciler releases its jobs, and they join again.
    const waiting = Array.isArray(stored?.waiting) ? stored.waiting : [];
    return { waiting, version: stored?.version ?? 0, lookedAt: stored?.todoAt ?? clock.now() };
  }
  type Stored = Awaited<ReturnType<typeof read>>;

  async function write({ queue, group }: Line, { version, lookedAt, waiting }: Stored): Promise<boolean> {
    const item: Front = { key: orderKey(queue, group), version: 0, writer: '', waiting };
    if (waiting.length === 0) item.expiresAt = Math.ceil((clock.now() + ROW_LIFETIME_MS) / 1000);
    else if (waiting.length <= LISTED) Object.assign(item, { todo: todoKey(queue, 'line'), todoAt: lookedAt });
    return (await writeItem({ ...deps, item, expected: version })).written;
  }

  /**
   * Changes a front and refills it from the rear in the same write. Workers read only the front, so an empty front must
   * mean that no job waits. `next` returns `undefined` to leave the line as it is.
   */
  async function change(
    line: Line,
    next: (stored: Stored) => Stored | undefined,
    least = Math.max(2, most / 2),
  ): Promise<readonly string[]> {
    for (;;) {
      const stored = await read(line);
      const changed = next(stored);
      if (!changed) return stored.waiting;
      const { length } = changed.waiting;
      const drawn =
        length < least ? await tickets.oldest(line, { most: most - length, except: stored.waiting }) : undefined;
      const waiting = [...new Set([...changed.waiting, ...(drawn?.ids ?? [])])];
      const same = changed === stored && waiting.length === stored.waiting.length;
      if (!same && !(await write(line, { ...changed, waiting }))) continue;
      if (drawn) await tickets.use(line, drawn);
      return waiting;
    }
  }

  const lineOf = ({ queue, group }: Place): Line | undefined => (group === undefined ? undefined : { queue, group });

  return {
    async front(place) {
      const line = lineOf(place);
      return line ? (await read(line)).waiting : [];
    },

    async join(job) {
      const line = lineOf(job);
      if (!line) return undefined;
      for (;;) {
        const stored = await read(line);
        if (stored.waiting.includes(job.id)) return undefined;
        const ticket = await tickets.take(line, job, stored.waiting.length >= most);
        if (ticket !== undefined) {
          // If the front became short meanwhile, no other run may move the rear up.
          await change(line, (now) => now);
          return ticket;
        }
        if (await write(line, { ...stored, waiting: [...stored.waiting, job.id] })) return undefined;
      }
    },

    async leave(place, ids) {
      const line = lineOf(place);
      if (!line) return;
      let left: readonly string[];
      do
        left = await change(line, (stored) => {
          const rest = stored.waiting.filter((id) => !ids.includes(id));
          if (rest.length === stored.waiting.length) return undefined;
          // The last job leaves by a separate write, which reads the rear again. A ticket that was taken while the front
          // was long is counted by then.
          return { ...stored, waiting: rest.length > 0 ? rest : stored.waiting.slice(1).slice(-1) };
        });
      while (left.some((id) => ids.includes(id)));
    },

    async look(place) {
      const line = lineOf(place);
      if (!line) return [];
      return change(
        line,
        (stored) =>
          stored.waiting.length > 0 && stored.waiting.length <= LISTED ? { ...stored, lookedAt: clock.now() } : stored,
        most,
      );
    },
  };
}
