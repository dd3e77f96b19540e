import { hashesWith } from '../../../../lib/engine/jobs/person-hash';
import { mailLimit } from '../../../../lib/queues/feedback/process';
import { HASH_KEY } from '../../../support/hash-people';
import { memoryClock, memoryRandom } from '../../../support/memory-clock';
import { memoryTable } from '../../../support/memory-table';

/** `keys`: the hash keys of the instance. */
function limit(keys: readonly [string, ...string[]] = [HASH_KEY], table = memoryTable()) {
  const clock = memoryClock();
  const mayConfirm = mailLimit({ clock, table, random: memoryRandom(), hashPeople: async () => hashesWith(keys) });
  const ask = (id: string, email = 'User@example.com', isKnown = false) => mayConfirm({ id, email, isKnown });
  return { clock, table, ask };
}

test('the limit of confirmations lets three jobs an hour mail one address, in any case of letters, whatever follows a plus sign, and stores no address', async () => {
  const { ask, clock, table } = limit();
  const answers: boolean[] = [];
  const names = { constructor: 'user', first: 'USER+1', second: 'User+2+3', third: 'user+4' };
  for (const [id, name] of Object.entries(names)) answers.push(await ask(id, `${name}@example.com`));

  expect(answers).toEqual([true, true, true, false]);
  const [item] = table.items();
  expect(JSON.stringify(item)).not.toContain('example.com');
  expect(item?.expiresAt).toBeGreaterThan(clock.now() / 1000);
  expect(await ask('other', 'other@example.com')).toBe(true);
  clock.advance(61 * 60_000);
  expect(await ask('later')).toBe(true);
});

test('the limit of confirmations answers the repeat of a job as before, and does not count it again', async () => {
  const { ask } = limit();
  for (const id of ['1', '1', '1', '2', '3', '4']) await ask(id);

  expect([await ask('1'), await ask('3'), await ask('4')]).toEqual([true, true, false]);
});

test('the limit of confirmations counts mails from before a change of the hash key, and leaves their item as it was', async () => {
  const before = limit();
  for (const id of ['1', '2']) await before.ask(id);
  const { table, ask } = limit(['a'.repeat(32), HASH_KEY], before.table);

  expect([await ask('1'), await ask('3'), await ask('4'), await ask('3')]).toEqual([true, true, false, true]);
  expect(
    table
      .items()
      .map(({ jobs }) => Object.keys(jobs as object))
      .toSorted(),
  ).toEqual([['1', '2'], ['3']]);
});
