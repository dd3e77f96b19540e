import { StoreError, WaitError } from '../../../lib/errors';
import { IllegalTransitionError } from '../../../lib/jobs/transitions';
import { spendReceives } from '../../support/dead-letters';
import { anEnvelope, jobId } from '../../support/engine';
import { sampleEngine } from '../../support/sample-contract';

const MINUTE = 60_000;

/** All jobs wait a minute after their first run. Reads of the first job's objects always fail. */
async function held() {
  const seen = new Set<string>();
  const { engine, effects } = sampleEngine(({ id }) => {
    if (seen.has(id)) return;
    seen.add(id);
    throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'zendesk', waitMs: MINUTE });
  });
  for (let n = 1; n <= 3; n++) engine.send(JSON.stringify(anEnvelope({ id: jobId(n) })), { group: `g${n}` });
  while (engine.inQueue() > 0) await engine.deliver();
  const { get } = engine.deps.objects;
  engine.deps.objects.get = async (key) => {
    if (key.includes(jobId(1))) throw new StoreError({ code: 'S3.AccessDenied', message: 'denied' });
    return get(key);
  };
  return { engine, effects };
}

test('an illegal change of a job is refused and counted, as in the worker', async () => {
  const { engine } = await held();
  const row = engine.row(jobId(2));
  const { get } = engine.deps.ledger;
  engine.deps.ledger.get = (key) =>
    key === row.key ? Promise.reject(new IllegalTransitionError('release', row)) : get(key);

  engine.clock.advance(2 * MINUTE);
  await engine.reconcile();

  expect(engine.metrics).toContainEqual({ name: 'IllegalTransitions', value: 1, dimensions: {} });
  expect(engine.lines).toContainEqual({
    message: 'reconciling failed',
    facts: { kind: 'releaseDue', queue: 'sample', jobId: jobId(2), code: 'IllegalTransition' },
  });
});

test('a DLQ message that cannot be judged does not hold back other groups, and its own group keeps its order', async () => {
  const { engine, effects } = sampleEngine();
  for (let n = 1; n <= 6; n++) engine.send(JSON.stringify(anEnvelope({ id: jobId(n) })), { group: `g${n % 3}` });
  spendReceives(engine);
  const { get } = engine.deps.ledger;
  engine.deps.ledger.get = async (key) => {
    if (key.includes(jobId(1))) throw new StoreError({ code: 'DynamoDB.AccessDenied', message: 'denied' });
    return get(key);
  };

  const minutes = async (count: number) => {
    for (let minute = 0; minute < count; minute++) {
      await engine.reconcile();
      while (engine.inQueue() > 0) await engine.deliver();
      engine.clock.advance(MINUTE);
    }
  };

  await minutes(5);
  const meanwhile = effects.toSorted();
  const left = engine.deadLetters().length;
  engine.deps.ledger.get = get;
  await minutes(5);

  expect([meanwhile, left]).toEqual([[2, 3, 5, 6].map(jobId), 2]);
  expect(effects.slice(4)).toEqual([1, 4].map(jobId));
  expect(engine.deadLetters()).toEqual([]);
});
