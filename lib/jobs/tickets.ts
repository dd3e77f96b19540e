import type { Clock, Item, Random, Table } from '../ports';
import { ticketKey, ticketsKey } from './keys';
import { readItem, updateItem, writeItem } from './ledger';
import { ROW_LIFETIME_MS } from './schedule';

/** One group of an ordered queue. */
export interface Line {
  queue: string;
  group: string;
}

/** A job's place in the rear. A used ticket expires, and until then its number is not given again. */
interface Ticket extends Item {
  id: string;
}

/** The waiting tickets have the numbers from `first` to before `next`. The next job takes `next`. */
interface Numbers extends Item {
  first: number;
  next: number;
}

/** The oldest unused tickets, the ids that they add to the front, and the number after them. */
interface Drawn {
  numbers: Numbers | undefined;
  tickets: Ticket[];
  ids: string[];
  upTo: number;
}

/** The rear of a line, for jobs that do not fit into the front. A ticket costs the same however many jobs wait. */
export interface Tickets {
  /** Takes a ticket, or finds the job's own. Returns `undefined` if no ticket waits and `open` is false. */
  take(line: Line, job: { id: string; ticket?: number }, open: boolean): Promise<number | undefined>;
  /** Reads at most `most` of the oldest tickets, or more if `except` has all their ids. */
  oldest(line: Line, options: { most: number; except: readonly string[] }): Promise<Drawn>;
  /** Marks tickets as used, once the front has their ids. */
  use(line: Line, drawn: Drawn): Promise<void>;
}

export function createTickets(deps: { table: Table; clock: Clock; random: Random }): Tickets {
  const inLifetimes = (count: number) => Math.ceil((deps.clock.now() + count * ROW_LIFETIME_MS) / 1000);
  const read = async ({ queue, group }: Line) =>
    (await readItem(deps, ticketsKey(queue, group))) as Numbers | undefined;
  const ticketOf = async ({ queue, group }: Line, number: number) =>
    (await readItem(deps, ticketKey(queue, group, number))) as Ticket | undefined;

  /** Moves the numbers forward, never back. */
  async function move(
    { queue, group }: Line,
    to: { first?: number; next?: number },
    known: Numbers | undefined,
  ): Promise<void> {
    const key = ticketsKey(queue, group);
    const moved = (stored: Numbers | undefined): Numbers | undefined => {
      const before = numbersOf(stored);
      const first = Math.max(before.first, to.first ?? 1);
      const next = Math.max(before.next, to.next ?? 1);
      if (first === before.first && next === before.next) return undefined;
      // The numbers outlive the used tickets. Starting again at 1 earlier, they would meet those tickets.
      return { key, version: 0, writer: '', first, next, ...(first === next ? { expiresAt: inLifetimes(2) } : {}) };
    };
    await updateItem(deps, key, moved, known);
  }

  return {
    async take(line, { id, ticket: own }, open) {
      for (;;) {
        const numbers = await read(line);
        const { first, next } = numbersOf(numbers);
        if (first === next && !open) return undefined;
        if (own !== undefined && first <= own && own < next && isFor(await ticketOf(line, own), id)) return own;
        const ticket: Ticket = { key: ticketKey(line.queue, line.group, next), version: 0, writer: '', id };
        const result = await writeItem({ ...deps, item: ticket, expected: 0 });
        // The ticket is written before it is counted, so every counted number has a ticket. A later run can count it.
        await move(line, { next: next + 1 }, numbers);
        if (result.written || isFor(result.stored as Ticket | undefined, id)) return next;
      }
    },

    async oldest(line, { most, except }) {
      const numbers = await read(line);
      const { first, next } = numbersOf(numbers);
      const drawn: Drawn = { numbers, tickets: [], ids: [], upTo: first };
      while (drawn.upTo < next && drawn.ids.length === 0) {
        const count = Math.min(most, next - drawn.upTo);
        const { upTo } = drawn;
        const found = await Promise.all(Array.from({ length: count }, (_, index) => ticketOf(line, upTo + index)));
        const unused = found.filter((ticket) => ticket !== undefined && !isUsed(ticket)) as Ticket[];
        drawn.tickets.push(...unused);
        drawn.ids.push(...unused.map(({ id }) => id).filter((id) => !except.includes(id)));
        drawn.upTo += count;
      }
      return drawn;
    },

    async use(line, { numbers, tickets, upTo }) {
      const used = tickets.map((ticket) => ({ ...ticket, expiresAt: inLifetimes(1) }));
      await Promise.all(used.map((item) => writeItem({ ...deps, item, expected: item.version })));
      // This comes last, so that the next run that fills the front repeats anything that failed before.
      if (upTo > numbersOf(numbers).first) await move(line, { first: upTo }, numbers);
    },
  };
}

const isUsed = ({ expiresAt }: Ticket): boolean => expiresAt !== undefined;
const isFor = (ticket: Ticket | undefined, id: string): boolean => ticket?.id === id && !isUsed(ticket);

/** Damaged numbers begin again at 1. The jobs whose tickets are lost come back when they are due. */
function numbersOf(stored: Numbers | undefined): { first: number; next: number } {
  const { first, next } = stored ?? {};
  return Number.isSafeInteger(first) && Number.isSafeInteger(next)
    ? ({ first, next } as Numbers)
    : { first: 1, next: 1 };
}
