import fc from 'fast-check';
import { createOrder } from '../../lib/jobs/order';
import type { Table } from '../../lib/ports';
import { memoryClock, memoryRandom } from './memory-clock';
import { type MemoryTable, memoryTable } from './memory-table';

const line = { queue: 'sample', group: 'app' };

/** The fault of a run at one of its calls. `late`: another run repeats it, and the run still continues later. */
interface Fault {
  call: number;
  how: 'before' | 'after' | 'late';
}

/** A job that arrives in its queue. */
interface Arrival {
  id: string;
  /** Whether the job's first run holds it for its own reason. */
  stops: boolean;
  cancelled: boolean;
  /** Whether it arrives together with the job before it, as a redrive does. Either may be first. */
  beside: boolean;
  faults: Fault[];
}

/** A line and all its events. */
export interface LineRun {
  arrivals: readonly Arrival[];
  /** Whose call takes effect next. */
  picks: readonly number[];
  /** How often the reconciler looks while jobs arrive. */
  looks: readonly Fault[];
  /** The number of ids in its front. */
  most: number;
}

/** The calls of several runs, which take effect one by one in a drawn order. */
function createSchedule(table: MemoryTable, picks: readonly number[]) {
  const calls: (() => void)[] = [];
  const never = new Promise<never>(() => {});
  let picked = 0;

  /** A run that a fault may end. Resolves to `undefined` if it did. */
  function run<T>(act: (table: Table) => Promise<T>, fault?: Fault): Promise<{ answer: T } | undefined> {
    return new Promise((resolve) => {
      let count = 0;
      let dead = false;
      const through = async <A>(call: () => Promise<A>): Promise<A> => {
        const here = ++count === fault?.call;
        const stop = (how: Fault['how']) => {
          if (here && fault?.how === how) {
            dead = how !== 'late';
            resolve(undefined);
          }
          return dead ? never : undefined;
        };
        await stop('late');
        await new Promise<void>((go) => calls.push(go));
        await stop('before');
        const answer = await call();
        await stop('after');
        return answer;
      };
      const port: Table = {
        ...table,
        get: (key) => through(() => table.get(key)),
        put: (item, expected) => through(() => table.put(item, expected)),
      };
      void act(port).then((answer) => resolve({ answer }));
    });
  }

  return {
    run,
    /** Runs until no run has a call to make. */
    async end(): Promise<void> {
      for (;;) {
        await new Promise(setImmediate);
        if (calls.length === 0) return;
        const pick = picks[picked++ % picks.length] ?? 0;
        calls.splice(pick % calls.length, 1)[0]?.();
      }
    },
  };
}

/** Jobs of one group arrive, most of them after the one before was held or done. Answers the broken promise, if any. */
export async function playLine({ arrivals, picks, looks, most }: LineRun): Promise<string | undefined> {
  const table = memoryTable();
  const ports = { clock: memoryClock(), random: memoryRandom() };
  const schedule = createSchedule(table, picks);
  const held = new Set<string>();
  const ended = new Set<string>();
  const done: string[] = [];
  /** By job: the jobs that were in line when it arrived. */
  const ahead = new Map<string, readonly string[]>();

  const orderOf = (port: Table) => createOrder({ ...ports, table: port, most });

  /** A job is done, or cancelled. The reconciler completes an end whose worker died. */
  async function end({ id, faults }: Arrival, how: 'done' | 'cancelled'): Promise<void> {
    if (how === 'done') done.push(id);
    held.delete(id);
    ended.add(id);
    for (let tried = 0; !(await schedule.run((port) => orderOf(port).leave(line, [id]), faults[tried])); ) tried++;
  }

  /** A worker takes the job's message. If the worker dies, the message comes again. */
  async function come(arrival: Arrival): Promise<void> {
    const { id, faults, stops } = arrival;
    ahead.set(id, [...held]);
    for (let tried = 0; !held.has(id); tried++) {
      const first = (await schedule.run((port) => orderOf(port).front(line)))?.answer[0] ?? id;
      if (first === id && !(stops && tried === 0)) return end(arrival, 'done');
      if (await schedule.run(async (port) => orderOf(port).join({ ...line, id }), faults[tried])) held.add(id);
    }
    if (arrival.cancelled) void end(arrival, 'cancelled');
  }

  /** Ended jobs leave the line. When the first job is held, it is released and done. */
  async function reconcile(fault?: Fault): Promise<void> {
    const ids = (await schedule.run((port) => orderOf(port).look(line), fault))?.answer ?? [];
    const gone = ids.filter((id) => ended.has(id));
    if (gone.length > 0) return void (await schedule.run((port) => orderOf(port).leave(line, gone)));
    const arrival = arrivals.find(({ id }) => id === ids[0]);
    if (!arrival || !held.has(arrival.id)) return;
    const first = (await schedule.run((port) => orderOf(port).front(line)))?.answer[0];
    if (first === arrival.id && held.has(first)) await end(arrival, 'done');
  }

  const arriving = (async () => {
    const coming: Promise<void>[] = [];
    for (const arrival of arrivals) {
      if (!arrival.beside) await coming.at(-1);
      coming.push(come(arrival));
    }
    await Promise.all(coming);
  })();
  const reconciling = (async () => {
    for (const fault of looks) await reconcile(fault);
  })();
  await schedule.end();
  await Promise.all([arriving, reconciling]);
  for (let run = 0; run < arrivals.length * 4; run++) {
    const last = reconcile();
    await schedule.end();
    await last;
  }

  const left = [...held, ...(await orderOf(table).front(line))];
  if (left.length > 0) return `nothing lost: ${left.join()} is still in line`;
  const late = (id: string, index: number) => ahead.get(id)?.some((other) => done.indexOf(other) > index);
  return done.some(late) ? `order kept: done in the order ${done.join()}` : undefined;
}

const fault = fc.record({ call: fc.integer({ min: 1, max: 9 }), how: fc.constantFrom('before', 'after', 'late') });

/** Draws a line of so many jobs, with these lengths of the front. */
export const anyLine = (jobs: number, { fronts }: { fronts: readonly number[] }): fc.Arbitrary<LineRun> =>
  fc.record({
    arrivals: fc
      .array(
        fc.record({
          stops: fc.boolean(),
          cancelled: fc.boolean(),
          beside: fc.constantFrom(false, false, false, true),
          faults: fc.array(fault, { maxLength: 2 }),
        }),
        { minLength: 2, maxLength: jobs },
      )
      .map((drawn) => drawn.map((arrival, index): Arrival => ({ ...arrival, id: `job-${index + 10}` }))),
    picks: fc.array(fc.nat(20), { minLength: 5, maxLength: 200 }),
    looks: fc.array(fault, { maxLength: 12 }),
    most: fc.constantFrom(...fronts),
  });
