import * as z from 'zod';
import { IdTakenError, StoreError } from '../../../../lib/platform/errors';
import { spendReceives } from '../../../support/dead-letters';
import { type EngineOptions, envelope, jobId, memoryEngine } from '../../../support/engine';
import { createKills } from '../../../support/kills';
import { sampleOf } from '../../../support/sample-contract';

const schema = z.strictObject({ name: z.string().max(10).optional() });

/** A queue whose effect may be repeated. `effect` decides what happens to each job. */
function start(effect: (id: string) => Promise<void> | void = () => {}, options: EngineOptions = {}) {
  const done: string[] = [];
  const work = async ({ id }: { id: string }) => {
    await effect(id);
    done.push(id);
    return 'done';
  };
  const contract = sampleOf({ schema, process: work, direct: work });
  return { done, engine: memoryEngine(() => contract, { settings: { visibility: 120 }, ...options }) };
}

test.each(['1', '2'])('a success at delivery %s needs no row and no record, and is counted', async (delivery) => {
  const { engine, done } = start();
  engine.send(envelope());
  if (delivery === '2') {
    engine.receive();
    engine.clock.advance(121_000);
  }
  const event = engine.receive();

  const response = await engine.handle(event);

  expect(event.Records[0]?.attributes.ApproximateReceiveCount).toBe(delivery);
  expect(response).toEqual({ batchItemFailures: [] });
  expect(done).toEqual([jobId(1)]);
  expect(engine.rows()).toEqual([]);
  expect(engine.objects.keys()).toEqual([]);
  expect(engine.metrics.map(({ name }) => name)).toEqual(['JobsSucceeded', 'JobsDead', 'TimeToFinish']);
  expect(engine.lines).toMatchObject([
    { message: 'delivery handled', facts: { jobId: jobId(1), outcome: 'succeeded' } },
  ]);
});

test('all messages of a batch run at once, even those of one group, and one that fails stops no other', async () => {
  const waiting: (() => void)[] = [];
  const { engine, done } = start(async (id) => {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (waiting.length >= 10) for (const go of waiting) go();
    });
    if (id === jobId(2)) throw new StoreError({ code: 'S3.SlowDown', message: 'S3 is busy' });
  });
  for (let n = 1; n <= 10; n++) engine.send(envelope(n));

  const response = await engine.deliver();

  expect(response.batchItemFailures).toHaveLength(1);
  expect(done).toEqual([1, 3, 4, 5, 6, 7, 8, 9, 10].map(jobId));
  expect(engine.inQueue()).toBe(1);
});

test('what is left runs one by one, after all that need no row', async () => {
  const running: string[] = [];
  const { engine, done } = start(async (id) => {
    running.push(`${id} beside ${running.length - done.length}`);
    if (id !== jobId(3) && running.length <= 3) throw new Error('failed');
  });
  for (const n of [1, 2, 3]) engine.send(envelope(n));

  await engine.deliver();

  expect(running.slice(3)).toEqual([`${jobId(1)} beside 2`, `${jobId(2)} beside 2`]);
  expect(done).toEqual([3, 1, 2].map(jobId));
});

test('the message in a batch of ten that kills its worker is found and parked, and the other nine succeed', async () => {
  const kills = createKills();
  const { engine, done } = start((id) => (id === jobId(5) ? kills.die() : undefined), kills);
  for (let n = 1; n <= 10; n++) engine.send(envelope(n), { group: `g${n}` });

  for (let round = 0; round < 60; round++) {
    for (let event = engine.receive(); event.Records.length > 0; event = engine.receive())
      await kills.run(() => engine.handle(event));
    await engine.reconcileAfter(60_000);
  }

  expect(engine.rows().filter(({ state }) => state === 'dead')).toMatchObject([{ id: jobId(5) }]);
  expect([...new Set(done)].toSorted()).toEqual([1, 2, 3, 4, 6, 7, 8, 9, 10].map(jobId));
  expect(engine.deadLetters().map(({ attributes }) => attributes.code?.StringValue)).toEqual(['CrashLoop']);
});

test.each(['comes again', 'is dead-lettered by SQS'])(
  'a message whose id another job has is parked with its own row, even if its run dies at any call and it %s',
  async (then) => {
    let call = 1;
    for (let over = false; !over; call++) {
      const kills = createKills();
      const { engine } = start(() => Promise.reject(new IdTakenError()), kills);
      const messageId = engine.send(envelope());

      over = (await kills.run(() => engine.deliver(), { call, when: 'after' })) === 'done';
      if (then !== 'comes again') spendReceives(engine);
      engine.clock.advance(300_000);
      await engine.drain({ hours: 2 });

      expect({ call, rows: engine.rows().map(({ id, state }) => `${id} ${state}`) }).toEqual({
        call,
        rows: [expect.stringMatching(/^(invalid\/.*|0190a1b2-.*) dead$/)],
      });
      if (call > 1 && !over) expect(engine.rows()).toMatchObject([{ id: `invalid/${messageId}` }]);
      expect(engine.deadLetters()).toHaveLength(1);
    }

    expect(call).toBeGreaterThan(5);
  },
);

test('a message whose id belongs to the row of another job is done with its own row after SQS dead-lettered it', async () => {
  const { engine, done } = start();
  await engine.sendAndDeliver(envelope(1, { data: { name: 7 } }));
  engine.send(envelope());
  spendReceives(engine);

  await engine.drain({ hours: 2 });

  expect(done).toEqual([jobId(1)]);
  expect(engine.rows()).toMatchObject([
    { id: jobId(1), state: 'dead', error: { code: 'InvalidField' } },
    { id: expect.stringMatching('^invalid/'), state: 'succeeded', result: 'done' },
  ]);
  expect(engine.deadLetters()).toHaveLength(1);
});

test('a message with an attribute that names the row of another message is refused', async () => {
  const { engine, done } = start();
  const parked = `invalid/${engine.send('not json')}`;
  await engine.deliver();

  await engine.sendAndDeliver(envelope(), { attributes: { job: parked } });

  expect(done).toEqual([]);
  expect(engine.rows()).toMatchObject([{ id: parked, state: 'dead', error: { code: 'NotJson' } }]);
  expect(engine.metrics).toContainEqual({ name: 'IllegalTransitions', value: 1, dimensions: {} });
});
