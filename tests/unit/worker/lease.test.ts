import { createLedger, LeaseLostError } from '../../../lib/jobs/ledger';
import { CLOCK_SKEW_MS } from '../../../lib/jobs/row';
import { giveBack, succeed } from '../../../lib/jobs/transitions';
import { createLease } from '../../../lib/worker/steps';
import { acceptedRow } from '../../support/accepted-row';
import { envelope, memoryEngine } from '../../support/engine';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';
import { openAccepted } from '../../support/opening';
import { sampleContract } from '../../support/sample-contract';

const LEASE_MS = 45_000;

function start() {
  const clock = memoryClock();
  const row = acceptedRow(clock.now());
  const settings = () => ({ retention: 86_400 });
  const table = memoryTable();
  const ledger = createLedger({ table, clock, random: memoryRandom(), settings });
  const take = (token: string, at = clock.now()) => openAccepted({ ledger, clock, token, at, leaseMs: LEASE_MS });
  const taken = async (token: string, now?: number) => {
    const claimed = await take(token, now);
    if (claimed.kind !== 'claimed') throw new Error(`the claim of ${token} is ${claimed.kind}`);
    return claimed.row;
  };
  return { clock, ledger, table, key: row.key, take, taken };
}

test('a job is busy to the last millisecond of a lease, and free from then on', async () => {
  const { clock, take, taken } = start();
  const until = clock.now() + LEASE_MS;
  await taken('first');

  const before = await take('second', until - 1);
  const after = await take('third', until);

  expect(before).toMatchObject({ kind: 'busy', until });
  expect(after.kind).toBe('claimed');
});

test.each<[string, (lease: ReturnType<typeof createLease>, at: number) => Promise<unknown>]>([
  ['its outcome', (lease, at) => lease.release((row) => succeed(row, { at, messageId: 'm', result: 'first' }))],
  ['a step', (lease) => lease.flush()],
  ['that it gives the job back', (lease, at) => lease.abandon((row) => giveBack(row, { at, messageId: 'm' }))],
])('a run whose job another run has taken cannot write %s', async (_what, write) => {
  const { clock, ledger, key, taken } = start();
  const lost = createLease(ledger, await taken('first'));
  const second = await taken('second', clock.now() + LEASE_MS);

  await expect(write(lost, clock.now())).rejects.toThrow(LeaseLostError);
  expect(await ledger.get(key)).toEqual(second);
});

test('a run that has written its outcome does not give the job back', async () => {
  const { clock, ledger, key, taken } = start();
  const lease = createLease(ledger, await taken('first'));
  const ended = await lease.release((row) =>
    succeed(row, { at: clock.now(), messageId: 'message of first', result: 1 }),
  );

  await lease.abandon((row) => giveBack(row, { at: clock.now(), messageId: 'message of first' }));

  expect(await ledger.get(key)).toEqual(ended);
});

test('a lease lasts longer than its function by the most that two clocks differ', async () => {
  let until: number | undefined;
  const { contract } = sampleContract(({ id }) => {
    until = engine.row(id).lease?.until;
  });
  const engine: ReturnType<typeof memoryEngine> = memoryEngine(() => contract);
  const begun = engine.clock.now();

  await engine.sendAndDeliver(envelope());

  expect(until).toBe(begun + engine.timeoutMs + CLOCK_SKEW_MS);
});
