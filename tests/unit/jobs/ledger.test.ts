import { endLease, type RunLease, takeLease, updateItem, writeItem } from '../../../lib/jobs/items';
import { createLedger, createTrials, withSchedule } from '../../../lib/jobs/ledger';
import { blankRow } from '../../../lib/jobs/row';
import type { Item, Table } from '../../../lib/ports';
import { type Fault, withFaults } from '../../support/faults';
import { inState } from '../../support/in-state';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';
import { feedbackSettings } from '../../support/producer';

function start(faults: Fault[] = []) {
  const stored = memoryTable();
  const table: Table = withFaults<Table>(stored, (method) => (method === 'put' ? (faults.shift() ?? 'none') : 'none'));
  return { stored, deps: { table, clock: memoryClock(), random: memoryRandom(), settings: () => feedbackSettings } };
}
const item = (changes: Record<string, unknown> = {}): Item => ({ key: 'k', version: 0, writer: '', ...changes });

test('a write whose answer was lost is recognised as written, and not mistaken for the write of another run', async () => {
  const { deps, stored } = start(['lost']);

  const result = await writeItem(deps, item({ value: 1 }), 0);

  expect(result.written).toBe(true);
  expect(stored.writes()).toBe(1);
  expect(await stored.get('k')).toMatchObject({ version: 1, value: 1 });
});

test('after three failed writes the error of the table is thrown', async () => {
  const { deps, stored } = start(['refused', 'refused', 'refused']);

  await expect(writeItem(deps, item(), 0)).rejects.toMatchObject({ code: 'Refused' });
  expect(stored.writes()).toBe(0);
});

test('an update keeps what other writers wrote meanwhile', async () => {
  const { deps, stored } = start();
  await writeItem(deps, item({ count: 1 }), 0);
  let raced = false;

  await updateItem<Item & { count: number }>(deps, 'k', (now) => {
    if (!now) return undefined;
    if (!raced) {
      raced = true;
      void stored.put({ ...now, count: 10, version: 2, writer: 'other' }, 1);
    }
    return { ...now, count: now.count + 1 };
  });

  expect(await stored.get('k')).toMatchObject({ count: 11, version: 3 });
});

test('an update of a known item reads only if the item has changed, and makes no item that is not stored', async () => {
  const { deps, stored } = start();
  const reads = { count: 0 };
  const get: Table['get'] = (key) => {
    reads.count++;
    return stored.get(key);
  };
  const counting = { ...deps, table: { ...deps.table, get } };
  const first = await writeItem(deps, item({ count: 1 }), 0);
  const known = first.written ? first.item : undefined;
  const more = (now: (Item & { count?: number }) | undefined) => now && { ...now, count: (now.count ?? 0) + 1 };

  await updateItem(counting, 'k', more, known);
  const fresh = reads.count;
  await updateItem(counting, 'k', more, known);
  const missing = await updateItem(counting, 'other', more, item({ key: 'other' }));

  expect(fresh).toBe(0);
  expect(await stored.get('k')).toMatchObject({ count: 3, version: 3 });
  expect(missing).toEqual({ changed: false, item: undefined });
  expect(await stored.get('other')).toBeUndefined();
});

test("a row's index attributes and expiry follow from its state at every write", async () => {
  const { deps } = start();
  const ledger = createLedger(deps);
  const now = deps.clock.now();
  const row = blankRow({ queue: 'feedback', id: '1', time: now, payloadHash: 'h', group: 'g', now });

  const queued = await ledger.write({ ...row, sentAt: now }, 0);
  const { item: ended } = await ledger.update(row.key, (stored) => ({
    ...stored,
    state: inState('succeeded'),
    endedAt: now,
  }));
  const { item: done } = await ledger.update(row.key, (stored) => ({ ...stored, recordedAt: now }));

  expect(queued).toMatchObject({ item: { todo: 'feedback#waiting#1', accepted: 'feedback' } });
  expect(queued.written && queued.item.expiresAt).toBeUndefined();
  expect(ended).toMatchObject({ todo: 'feedback#ending#1', todoAt: now + 300_000 });
  expect(done?.todo).toBeUndefined();
  expect((done?.expiresAt ?? 0) * 1000 - now).toBeGreaterThanOrEqual(45 * 86_400_000);
});

test.each([
  [44, {}],
  [7, { retryDays: 7 }],
])('the kept body of an ended job is deleted %i days after the last change with the settings %j', (days, more) => {
  const row = {
    ...blankRow({ queue: 'feedback', id: '1', time: 0, payloadHash: 'h', group: 'g', now: 0 }),
    bodyKept: true,
    ...{ recordedAt: 1, parkedAt: 1, leftDlqAt: 1 },
  };

  const { todo, todoAt } = withSchedule({ ...row, state: inState('dead') }, { ...feedbackSettings, ...more });

  expect([todo, todoAt]).toEqual(['feedback#kept', row.updatedAt + days * 86_400_000]);
});

test('only its holder can end a lease', async () => {
  const { deps } = start();
  const take = (ms: number) => takeLease<RunLease>(deps, 'lease#sample', deps.clock.now() + ms);
  const first = await take(1_000);
  deps.clock.advance(1_000);
  await take(60_000);

  await endLease(deps, first as RunLease);

  expect(await take(1_000)).toBeUndefined();
});

const trialsOf = (table = memoryTable(), fault: () => Fault = () => 'none') =>
  createTrials({ table: withFaults(table, fault), clock: memoryClock(), random: memoryRandom() });

test('a note expires with the rows of its time', async () => {
  const table = memoryTable();

  await trialsOf(table).begin('feedback', 'm1');

  const days = ((table.items()[0]?.expiresAt ?? 0) * 1000 - memoryClock().now()) / 86_400_000;
  expect(days).toBeCloseTo(45);
});

test.each(['refused', 'lost'] as const)('where the table does not take it (%s), the work goes on', async (fault) => {
  const trials = trialsOf(memoryTable(), () => fault);

  await expect(trials.begin('feedback', 'm1')).resolves.toBeUndefined();
  await expect(trials.forget('feedback', 'm1')).resolves.toBeUndefined();
});
