import { orderKey, ticketKey, ticketsKey } from '../../../lib/jobs/keys';
import { createOrder } from '../../../lib/jobs/order';
import type { Item, Table } from '../../../lib/ports';
import { jobId, watch } from '../../support/engine';
import { createKills } from '../../support/kills';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';

const line = { queue: 'sample', group: 'app' };
const job = (n: number) => ({ ...line, id: jobId(n) });
const DAY_S = 86_400;

interface Options {
  most?: number;
  before?: () => Promise<void> | undefined;
  after?: () => Promise<void> | undefined;
}

function start({ most, before = () => undefined, after = () => undefined }: Options = {}) {
  const table = memoryTable();
  const cost = { calls: 0, bytes: 0 };
  const ports = { clock: memoryClock(), random: memoryRandom() };
  const weighed: Table = {
    ...table,
    get: async (key) => weigh(await table.get(key)),
    put: (item, expected) => table.put(weigh(item), expected),
  };
  function weigh<T extends Item | undefined>(item: T): T {
    cost.calls++;
    cost.bytes += JSON.stringify(item ?? '').length;
    return item;
  }
  const order = createOrder({ ...ports, table: watch(weighed, 'table', { before, after }), ...(most ? { most } : {}) });

  return {
    table,
    order,
    ports,
    first: async () => (await order.front(line))[0],
    item: (key: string) => table.items().find((item) => item.key === key),
    /** Counts the calls and the bytes that are read and written. */
    async costOf(act: () => Promise<unknown>) {
      Object.assign(cost, { calls: 0, bytes: 0 });
      await act();
      return { ...cost };
    },
    /** The jobs in the order of the front. Each job leaves when it is first. */
    async drain(): Promise<string[]> {
      const ids: string[] = [];
      for (let [first] = await order.look(line); first !== undefined; [first] = await order.look(line)) {
        ids.push(first);
        await order.leave(line, [first]);
      }
      return ids;
    },
  };
}

const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => jobId(from + index));

test('thousands of jobs reach the front in the order in which they joined, and the front stays short', async () => {
  const { order, table, drain } = start();
  let longest = 0;
  for (let n = 1; n <= 3_000; n++) {
    await order.join(job(n));
    if (n % 500 === 0) longest = Math.max(longest, (await order.front(line)).length);
  }

  const drained = await drain();

  expect(drained).toEqual(ids(1, 3_000));
  expect(longest).toBe(100);
  // All items that are left expire.
  expect(table.items().filter(({ expiresAt }) => expiresAt === undefined)).toEqual([]);
});

test('joining and leaving cost the same whether 200 or 3,000 jobs wait', async () => {
  const { order, costOf, first } = start();
  const joins: { calls: number; bytes: number }[] = [];
  for (let n = 1; n <= 3_000; n++) joins.push(await costOf(() => order.join(job(n))));
  const leaves: { calls: number; bytes: number }[] = [];
  for (let n = 1; n <= 2_800; n++) {
    const head = (await first()) ?? '';
    leaves.push(await costOf(() => order.leave(line, [head])));
  }

  const most = (costs: { calls: number; bytes: number }[]) => ({
    calls: Math.max(...costs.map(({ calls }) => calls)),
    kilobytes: Math.ceil(Math.max(...costs.map(({ bytes }) => bytes)) / 1024),
  });
  expect(most(joins.slice(2_800))).toEqual(most(joins.slice(200, 400)));
  expect(most(joins)).toEqual({ calls: 6, kilobytes: 9 });
  expect(most(leaves.slice(2_600))).toEqual(most(leaves.slice(0, 200)));
  // One leave in fifty refills the front.
  expect(most(leaves).calls).toBeLessThan(110);
  expect(leaves.slice(1_000, 1_500).reduce((sum, { calls }) => sum + calls, 0) / 500).toBeLessThan(6);
});

test('the end of a job that never joined costs one read and no write', async () => {
  const { order, table, costOf } = start();
  await order.join(job(1));
  const before = table.writes();

  const none = await costOf(() => order.leave({ queue: 'sample', group: 'other' }, [jobId(2)]));
  const some = await costOf(() => order.leave(line, [jobId(2)]));
  const without = await costOf(() => order.leave({ queue: 'sample' }, [jobId(2)]));

  expect([none.calls, some.calls, without.calls]).toEqual([1, 1, 0]);
  expect(table.writes()).toBe(before);
});

test('a job that joins again keeps its place, at the front or behind it', async () => {
  const { order, drain, table } = start({ most: 2 });
  const tickets = [];
  for (const n of [1, 2, 3, 4]) tickets.push(await order.join(job(n)));
  const before = table.items();

  const again = [];
  for (const n of [1, 2, 3, 4]) {
    const ticket = tickets[n - 1];
    again.push(await order.join({ ...job(n), ...(ticket === undefined ? {} : { ticket }) }));
  }

  expect(tickets).toEqual([undefined, undefined, 1, 2]);
  expect(again).toEqual(tickets);
  expect(table.items()).toEqual(before);
  expect(await drain()).toEqual(ids(1, 4));
});

test('a job whose ticket was used joins at the end', async () => {
  const { order, drain } = start({ most: 2 });
  for (const n of [1, 2, 3, 4]) await order.join(job(n));
  await order.leave(line, [jobId(1), jobId(2)]);
  for (const n of [5, 6]) await order.join(job(n));
  await order.leave(line, [jobId(3)]);

  const ticket = await order.join({ ...job(3), ticket: 1 });

  expect(ticket).toBe(5);
  expect(await drain()).toEqual([4, 5, 6, 3].map(jobId));
});

test('a run that dies at any of its calls and is repeated loses no job and changes no place', async () => {
  let died = 0;
  const acts: [string, (order: ReturnType<typeof createOrder>) => Promise<unknown>][] = [
    ['join', (order) => order.join(job(6))],
    ['leave', (order) => order.leave(line, [jobId(1)])],
    ['leave both', (order) => order.leave(line, [jobId(1), jobId(2)])],
    ['look', (order) => order.look(line)],
  ];
  for (const [name, act] of acts)
    for (const when of ['before', 'after'] as const)
      for (let call = 1; ; call++) {
        const kills = createKills();
        const { order, drain } = start({ most: 2, before: kills.before, after: kills.after });
        for (const n of [1, 2, 3, 4, 5]) await order.join(job(n));

        const end = await kills.run(() => act(order), { call, when });
        await act(order);
        if (name !== 'join') await order.join(job(6));

        const gone = name === 'leave' ? 1 : name === 'leave both' ? 2 : 0;
        const drained = await drain();
        // If the use of a ticket was not stored, the ticket leads to an ended job. The reconciler drops it.
        expect([name, when, call, [...new Set(drained)].filter((id) => !ids(1, gone).includes(id))]).toEqual([
          name,
          when,
          call,
          ids(1 + gone, 6),
        ]);
        if (end === 'done') break;
        died++;
      }
  expect(died).toBeGreaterThan(30);
});

/** The same table, but the next call of the kind waits until `go` is called. */
function stalling(table: Table, method: 'get' | 'put', of: string) {
  let go = () => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  let stalled = false;
  const stall = async (key: string) => {
    if (stalled || key !== of) return;
    stalled = true;
    await gate;
  };
  const slow: Table = {
    ...table,
    get: async (key) => {
      if (method === 'get') await stall(key);
      return table.get(key);
    },
    put: async (item, expected) => {
      if (method === 'put') await stall(item.key);
      return table.put(item, expected);
    },
  };
  return { slow, go };
}

test('a ticket that is taken while the front becomes empty is not lost', async () => {
  const { order, first, ports, table } = start({ most: 2 });
  for (const n of [1, 2]) await order.join(job(n));
  const { slow, go } = stalling(table, 'get', ticketsKey('sample', 'app'));

  const joining = createOrder({ ...ports, table: slow, most: 2 }).join(job(3));
  await new Promise(setImmediate);
  await order.leave(line, [jobId(1), jobId(2)]);
  go();

  expect(await joining).toBe(1);
  expect(await first()).toBe(jobId(3));
});

test.each([
  ['all of it leaves', [1, 2]],
  ['all of it leaves, and more', [9, 1, 2]],
])('a front is not emptied before a ticket that was taken meanwhile: %s', async (_how, leavers) => {
  const { order, first, ports, table } = start({ most: 2 });
  for (const n of [1, 2]) await order.join(job(n));
  const { slow, go } = stalling(table, 'put', orderKey('sample', 'app'));

  const leaving = createOrder({ ...ports, table: slow, most: 2 }).leave(line, leavers.map(jobId));
  await new Promise(setImmediate);
  const ticket = await order.join(job(3));
  go();
  await leaving;

  expect(ticket).toBe(1);
  expect(await first()).toBe(jobId(3));
});

test.each([
  ['no list', { waiting: undefined }],
  ['something else instead of a list', { waiting: 'x' }],
])('a damaged line with %s counts as empty', async (_how, damage) => {
  const { order, table, drain } = start();
  await order.join(job(1));
  const item = (await table.get(orderKey('sample', 'app'))) as Item;
  await table.put({ ...item, ...damage, version: 2 }, 1);

  expect(await order.front(line)).toEqual([]);
  await order.leave(line, [jobId(1)]);
  await order.join(job(2));
  expect(await drain()).toEqual([jobId(2)]);
});

test('damaged numbers begin again at 1, and no ticket is given twice', async () => {
  const { order, table, drain } = start({ most: 2 });
  for (const n of [1, 2, 3]) await order.join(job(n));
  const item = (await table.get(ticketsKey('sample', 'app'))) as Item;
  await table.put({ ...item, next: 'x', version: item.version + 1 }, item.version);

  const ticket = await order.join(job(4));

  expect(ticket).toBe(2);
  expect(await drain()).toEqual(ids(1, 4));
});

test('an empty line expires, and its numbers outlive its tickets; a line with a waiting job does not expire', async () => {
  const { order, item, drain, ports } = start({ most: 2 });
  for (const n of [1, 2, 3]) await order.join(job(n));
  const keys = [orderKey('sample', 'app'), ticketsKey('sample', 'app'), ticketKey('sample', 'app', 1)];
  const days = () =>
    keys.map((key) => Math.round(((item(key)?.expiresAt ?? Number.NaN) - ports.clock.now() / 1000) / DAY_S));

  expect(days()).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  await drain();
  expect(days()).toEqual([45, 90, 45]);
});
