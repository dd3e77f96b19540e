import { endLease, type RunLease, takeLease } from '../../../lib/jobs/items';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';

const KEY = 'lease#sample';

function start() {
  const deps = { table: memoryTable(), clock: memoryClock(), random: memoryRandom() };
  const take = (ms: number) => takeLease<RunLease>(deps, KEY, deps.clock.now() + ms);
  return { deps, take };
}

test('only its holder can end a lease', async () => {
  const { deps, take } = start();
  const first = await take(1_000);
  deps.clock.advance(1_000);
  await take(60_000);

  await endLease(deps, first as RunLease);

  expect(await take(1_000)).toBeUndefined();
});
