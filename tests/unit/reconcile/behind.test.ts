import { AmbiguousError, StopError, WaitError } from '../../../lib/errors';
import { jobKey, orderKey } from '../../../lib/jobs/keys';
import { createOrder } from '../../../lib/jobs/order';
import type { MessageType, RunContext } from '../../../lib/worker/contract';
import { damagedItem } from '../../support/damage';
import { anEnvelope, jobId, memoryEngine } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

const envelope = (n: number) => JSON.stringify(anEnvelope({ id: jobId(n) }));
const MINUTE = 60_000;

async function minutes(engine: ReturnType<typeof memoryEngine>, count: number): Promise<void> {
  for (let minute = 0; minute < count; minute++) {
    engine.clock.advance(MINUTE);
    await engine.reconcile();
    while (engine.inQueue() > 0 && (await engine.deliver(1)).batchItemFailures.length === 0);
  }
}

const throttledOnce = () => {
  const held = new Set<string>();
  return sampleContract(({ id }) => {
    if (id !== jobId(1) || held.has(id)) return;
    held.add(id);
    throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'zendesk', waitMs: 5 * MINUTE });
  });
};

test('in an ordered queue, jobs behind a held job of their group are held and run after it, in order', async () => {
  const { contract, effects } = throttledOnce();
  const engine = memoryEngine(() => contract, { settings: { ordered: true } });
  for (const n of [1, 2, 3]) engine.send(envelope(n), { group: 'app' });
  engine.send(envelope(4), { group: 'other' });

  await engine.deliver();
  const during = engine.rows().map(({ state, reason }) => `${state} ${reason ?? ''}`.trim());
  await minutes(engine, 10);

  expect(during.toSorted()).toEqual(['held behind', 'held behind', 'held throttled', 'succeeded']);
  expect(effects).toEqual([4, 1, 2, 3].map(jobId));
  expect(await engine.table.get(orderKey('sample', 'app'))).toMatchObject({
    waiting: [],
    expiresAt: expect.any(Number),
  });
});

test('in an unordered queue they run at once', async () => {
  const { contract, effects } = throttledOnce();
  const engine = memoryEngine(() => contract);
  for (const n of [1, 2, 3]) engine.send(envelope(n), { group: 'app' });

  await engine.deliver();
  await minutes(engine, 10);

  expect(effects).toEqual([2, 3, 1].map(jobId));
});

test('a job that arrives while others of its group wait joins behind them', async () => {
  let stopped = true;
  const { contract, effects } = sampleContract(() => {
    if (stopped) throw new StopError({ code: 'AgreementMissing', message: '403', vendor: 'zendesk' });
  });
  const engine = memoryEngine(() => contract, { settings: { ordered: true } });
  for (const n of [1, 2]) engine.send(envelope(n), { group: 'app' });
  await engine.deliver();
  await minutes(engine, 3);
  engine.send(envelope(3), { group: 'app' });
  await engine.deliver();

  stopped = false;
  await minutes(engine, 10);

  expect(effects).toEqual([1, 2, 3].map(jobId));
});

test('a group with many jobs that wait for long does not keep other groups from running', async () => {
  const waits = new Map([
    [jobId(1), 30 * 24 * 60 * MINUTE],
    [jobId(201), 5 * MINUTE],
  ]);
  const { contract, effects } = sampleContract(({ id }) => {
    const waitMs = waits.get(id);
    if (waitMs === undefined) return;
    waits.delete(id);
    throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'zendesk', waitMs });
  });
  const engine = memoryEngine(() => contract, { settings: { ordered: true } });
  for (let n = 1; n <= 150; n++) engine.send(envelope(n), { group: 'long' });
  for (const n of [201, 202, 203]) engine.send(envelope(n), { group: 'short' });

  while (engine.inQueue() > 0) await engine.deliver();
  await minutes(engine, 10);

  expect(effects).toEqual([201, 202, 203].map(jobId));
  expect(engine.rows().filter(({ reason }) => reason === 'behind')).toHaveLength(149);
});

describe.each([
  ['has lost its state', ({ state: _gone, ...row }) => row],
  ['has lost its version', ({ version: _gone, ...row }) => row],
  ['has a lease that cannot be read', (row) => ({ ...row, lease: true })],
] satisfies [string, (row: Record<string, unknown>) => object][])(
  'behind a job that waits for an operator, a job whose row %s',
  (_damage, damage) => {
    /** Damages the row of the last job. The line has room for two jobs, and more jobs take tickets. */
    async function damaged(last: number) {
      const { contract } = sampleContract();
      const mail = async () => {
        throw new AmbiguousError({ code: 'NoAnswer', message: 'no answer', vendor: 'sendgrid' });
      };
      const type = {
        ...contract.types['sample.done.v1'],
        process: (_job: unknown, { steps }: RunContext) => steps.step('mail', { run: mail }),
      };
      const engine = memoryEngine(() => ({ ...contract, types: { 'sample.done.v1': type as MessageType } }), {
        settings: { ordered: true },
      });
      engine.deps.order = createOrder({ ...engine.deps, table: engine.table, most: 2 });
      for (let n = 1; n <= last; n++) engine.send(envelope(n), { group: 'app' });
      for (let n = 1; n <= last; n++) await engine.deliver(1);
      await damagedItem(engine.table, jobKey('sample', jobId(last)), damage);
      return {
        engine,
        /** The reconciler looks for such rows in the first minute of an hour. */
        hours: async (count: number) => {
          for (let hour = 0; hour < count; hour++) {
            engine.clock.advance(60 * MINUTE - (engine.clock.now() % (60 * MINUTE)));
            await engine.reconcile();
          }
          expect(engine.row(jobId(1))).toMatchObject({ state: 'held', reason: 'unknown' });
        },
      };
    }
    const dead = { state: 'dead', error: { code: 'RowDamaged' } };

    test('ends within an hour', async () => {
      const { engine, hours } = await damaged(2);
      await hours(2);

      expect(engine.row(jobId(2))).toMatchObject(dead);
    });

    test('ends after a day if it has a ticket', async () => {
      const { engine, hours } = await damaged(4);
      expect(engine.table.item(jobKey('sample', jobId(4)))?.ticket).toBeDefined();
      await hours(26);

      expect(engine.row(jobId(4))).toMatchObject(dead);
    });
  },
);
