import { createLedger } from '../../../lib/jobs/ledger';
import { recordOf, rowOfRecord } from '../../../lib/jobs/record';
import { rowOf } from '../../../lib/jobs/stored-row';
import type { Item } from '../../../lib/ports';
import { memoryProducerDeps } from '../../support/producer';

/** A stored row, with an attribute that only newer code knows. */
const stored: Item = {
  key: 'feedback#1',
  version: 4,
  writer: 'w',
  queue: 'feedback',
  id: '1',
  time: 1,
  payloadHash: 'h',
  state: 'held',
  reason: 'retry',
  generation: 2,
  attempts: 1,
  crashes: 1,
  holds: 3,
  retryAt: 7_000,
  dueSince: 6_000,
  spentMessageIds: ['m'],
  steps: {},
  history: [],
  deliveries: [],
  createdAt: 1,
  updatedAt: 1,
  priority: 'high',
};

test.each<[string, object, number]>([
  ['of its hour, under which its record is stored', { hour: 'feedback#2026123123' }, Date.UTC(2026, 11, 31, 23)],
  ['of the row, if its hour is damaged too', { hour: 'feedback#soon' }, 7],
  ['of the row, if it has no hour', {}, 7],
])('a row that lost its time takes the time %s', (_what, hour, time) => {
  const { time: _gone, ...damaged } = stored;

  expect(rowOf({ ...damaged, ...hour, createdAt: 7 } as Item)).toMatchObject({ time, damage: { field: 'row.time' } });
});

test('a row is read from its record', () => {
  const row = rowOf(stored);

  expect(rowOfRecord(recordOf(row), row.key)).toMatchObject({ generation: 2, crashes: 1, spentMessageIds: ['m'] });
});

test('the ledger keeps attributes that only newer code knows', async () => {
  const { deps, table } = memoryProducerDeps();
  await table.put({ ...stored, version: 1 }, 0);
  const ledger = createLedger(deps);

  await ledger.update('feedback#1', (row) => ({ ...row, attempts: 2 }));
  const row = await ledger.get('feedback#1');
  if (row) await ledger.write(row, row.version);

  expect(table.item('feedback#1')).toMatchObject({ version: 3, attempts: 2, priority: 'high', generation: 2 });
});
