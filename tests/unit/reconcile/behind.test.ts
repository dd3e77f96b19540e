import { StopError, WaitError } from '../../../lib/errors';
import { orderKey } from '../../../lib/jobs/keys';
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
