import * as z from 'zod';
import { createLedger, LeaseLostError } from '../../../lib/jobs/ledger';
import { CLOCK_SKEW_MS } from '../../../lib/jobs/row';
import { giveBack, succeed } from '../../../lib/jobs/transitions';
import { createLease, type StepOptions } from '../../../lib/worker/steps';
import { acceptedRow } from '../../support/accepted-row';
import { envelope, jobId, memoryEngine } from '../../support/engine';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';
import { openAccepted } from '../../support/opening';
import { sampleContract, sampleEngine, sampleOf } from '../../support/sample-contract';

const LEASE_MS = 45_000;

function start() {
  const clock = memoryClock();
  const { key } = acceptedRow(clock.now());
  const settings = () => ({ retention: 86_400 });
  const ledger = createLedger({ table: memoryTable(), clock, random: memoryRandom(), settings });
  const take = (token: string, at = clock.now()) => openAccepted({ ledger, clock, token, at, leaseMs: LEASE_MS });
  const taken = async (token: string, now?: number) => {
    const claimed = await take(token, now);
    if (claimed.kind !== 'claimed') throw new Error(`the claim of ${token} is ${claimed.kind}`);
    return claimed.row;
  };
  return { clock, ledger, key, take, taken };
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
  const run = { at: clock.now(), messageId: 'message of first' };
  const ended = await lease.release((row) => succeed(row, { ...run, result: 1 }));

  await lease.abandon((row) => giveBack(row, run));

  expect(await ledger.get(key)).toEqual(ended);
});

test('a lease lasts longer than its function by the most that two clocks differ', async () => {
  let until: number | undefined;
  const { engine }: ReturnType<typeof sampleEngine> = sampleEngine(({ id }) => {
    until = engine.row(id).lease?.until;
  });
  const begun = engine.clock.now();

  await engine.sendAndDeliver(envelope());

  expect(until).toBe(begun + engine.timeoutMs + CLOCK_SKEW_MS);
});

const asked = { resolve: async () => undefined };

test.each<[string, Partial<StepOptions<unknown>>, { saves: boolean; writes: number }]>([
  ['is the only write before a call that its vendor can be asked about', asked, { saves: false, writes: 1 }],
  ['saves no write of a mail, so a mail is never called without its own start', {}, { saves: false, writes: 2 }],
  ['saves no write after another write of the run, which has removed it', asked, { saves: true, writes: 3 }],
])('the start of the first step in the claim %s', async (_what, options, { saves, writes }) => {
  let puts = 0;
  let seen: unknown;
  const contract = sampleOf({
    schema: z.strictObject({}),
    first: () => ({ name: 'effect' }),
    process: async (_job, { steps }) => {
      if (saves) await steps.save();
      const run = async () => {
        seen = [engine.row(jobId(1)).steps, puts];
      };
      return steps.step<unknown>('effect', { ...options, run });
    },
  });
  const engine = memoryEngine(() => contract, {
    before: (call) => {
      if (call === 'table.put') puts++;
    },
  });

  await engine.sendAndDeliver(envelope());

  expect(seen).toEqual([{ effect: expect.objectContaining({ status: 'started' }) }, writes]);
  expect(engine.row(jobId(1)).steps).toMatchObject({ effect: { status: 'done' } });
});

test.each([
  ['has invalid data', { data: { name: 'too long for this' } }, 'dead'],
  ['is refused by an open circuit', {}, 'held'],
])('a job that %s does not look started', async (_why, changes, state) => {
  const { contract } = sampleContract(undefined, { begins: true });
  const engine = memoryEngine(() => contract);
  await engine.deps.circuits.open('zendesk', 'Unauthorized');

  await engine.sendAndDeliver(envelope(1, changes));

  expect(engine.row(jobId(1))).toMatchObject({ state, steps: {} });
});
