import { mailLimit } from '../../../lib/feedback/mail-limit';
import { hashesWith } from '../../../lib/jobs/person-hash';
import { HASH_KEY } from '../../support/hash-people';
import { memoryClock } from '../../support/memory-clock';
import { type MemoryTable, memoryTable } from '../../support/memory-table';

/** `keys`: the hash keys of the instance. */
const limit = ({
  keys = [HASH_KEY],
  table = memoryTable(),
}: {
  keys?: [string, ...string[]];
  table?: MemoryTable;
} = {}) => {
  const clock = memoryClock();
  let writes = 0;
  const random = { uuid: () => `writer-${++writes}`, fraction: () => 0.5 };
  return { clock, table, mayConfirm: mailLimit({ clock, table, random, hashPeople: async () => hashesWith(keys) }) };
};

test('three jobs an hour may mail one address, in any case of letters', async () => {
  const { clock, mayConfirm } = limit();
  const ask = (id: string, email = 'User@example.com') => mayConfirm({ id, email });

  const answers = [await ask('1'), await ask('2', 'user@example.com'), await ask('3'), await ask('4')];
  clock.advance(61 * 60_000);

  expect(answers).toEqual([true, true, true, false]);
  expect(await ask('5')).toBe(true);
  expect(await ask('6', 'other@example.com')).toBe(true);
});

test('addresses that differ only after a plus sign are one address', async () => {
  const { mayConfirm } = limit();
  const answers: boolean[] = [];
  for (const email of ['user+1@example.com', 'User+2+3@example.com', 'user@example.com', 'user+4@example.com'])
    answers.push(await mayConfirm({ id: email, email }));

  expect(answers).toEqual([true, true, true, false]);
  expect(await mayConfirm({ id: 'other', email: 'other+1@example.com' })).toBe(true);
});

test('a repeat of a job gets the same answer and does not count again', async () => {
  const { mayConfirm } = limit();
  const ask = (id: string) => mayConfirm({ id, email: 'user@example.com' });
  for (const id of ['1', '1', '1', '2', '3', '4']) await ask(id);

  expect([await ask('1'), await ask('3'), await ask('4')]).toEqual([true, true, false]);
});

test('the item names no address and expires', async () => {
  const { table, clock, mayConfirm } = limit();
  await mayConfirm({ id: 'constructor', email: 'user@example.com' });

  const [item] = table.items();

  expect(JSON.stringify(item)).not.toContain('example.com');
  expect(item?.expiresAt).toBeGreaterThan(clock.now() / 1000);
});

test('mails from before a change of the hash key count too, and the item with the old key stays as it was', async () => {
  const before = limit();
  for (const id of ['1', '2']) await before.mayConfirm({ id, email: 'user@example.com' });
  const { table, mayConfirm } = limit({ keys: ['a'.repeat(32), HASH_KEY], table: before.table });
  const ask = (id: string) => mayConfirm({ id, email: 'user@example.com' });

  expect([await ask('1'), await ask('3'), await ask('4'), await ask('3')]).toEqual([true, true, false, true]);
  expect(table.items().map(({ jobs }) => Object.keys(jobs as object))).toEqual([['1', '2'], ['3']]);
});
