import { envelope, jobId, memoryEngine } from '../../support/engine';
import { sampleContract, sampleEngine } from '../../support/sample-contract';

const never = new Promise<never>(() => {});

/** A message in the queue has its last receive next. */
function receiveTwice(engine: ReturnType<typeof memoryEngine>): void {
  for (const _receive of [1, 2]) {
    engine.receive();
    engine.clock.advance(301_000);
  }
}

/** An engine whose process dies during the effect of the given jobs. Nothing that runs in it goes on. */
function mortal(poison: number[]) {
  let die = () => {};
  const sample = sampleContract(({ id }) => {
    if (!poison.map(jobId).includes(id)) return undefined;
    die();
    return never;
  });
  const engine = memoryEngine(() => sample.contract, {
    // A dead process never goes on.
    before: () => (dead ? never : undefined),
    after: () => (dead ? never : undefined),
  });
  let dead = false;
  /** Delivers one batch as Lambda does. Answers `died` if the process died. */
  const deliver = async (max = 10): Promise<'died' | 'done' | 'empty'> => {
    const event = engine.receive(max);
    if (event.Records.length === 0) return 'empty';
    dead = false;
    const death = new Promise<'died'>((resolve) => {
      die = () => {
        dead = true;
        resolve('died');
      };
    });
    const outcome = await Promise.race([engine.handle(event).then(() => 'done' as const), death]);
    dead = false;
    return outcome;
  };
  return { engine, deliver, effects: sample.effects };
}

test('messages that came back from the DLQ run last and one by one, and a note is made before each is read', async () => {
  const { contract, effects } = sampleContract();
  const reads: string[] = [];
  const engine = memoryEngine(() => contract);
  const begin = engine.deps.ledger.trials.begin;
  engine.deps.ledger.trials.begin = async (queue, messageId) => {
    reads.push(`${messageId} after ${effects.length}`);
    await begin(queue, messageId);
  };
  const returned = { returned: '1', returnedAt: '1' };
  const first = engine.send(envelope(1), { group: 'a', attributes: returned });
  engine.send(envelope(2), { group: 'a' });
  const second = engine.send(envelope(3), { group: 'b', attributes: returned });
  engine.send(envelope(4), { group: 'c' });

  await engine.deliver();

  expect(effects).toEqual([4, 1, 2, 3].map(jobId));
  expect(reads).toEqual([`${first} after 1`, `${second} after 3`]);
  expect(await engine.deps.ledger.trials.begun('sample', first)).toBe(true);
});

test('while another run holds the lease, the message stays in the queue until that lease ends', async () => {
  const { engine, deliver } = mortal([1]);
  engine.send(envelope(1));
  await deliver();

  const response = await engine.sendAndDeliver(envelope(1), { group: 'other' });

  expect(response.batchItemFailures).toHaveLength(1);
  const back = (engine.model.nextChangeAt('my-sample.fifo') ?? 0) - engine.clock.now();
  expect(back).toBeGreaterThanOrEqual(engine.timeoutMs);
});

test('a copy on its last receive is acknowledged while the job runs from another message, so nothing is dead-lettered', async () => {
  const { engine, deliver } = mortal([1]);
  engine.send(envelope(1), { group: 'other' });
  receiveTwice(engine);
  const copy = engine.receive();
  engine.send(envelope(1));
  await deliver();

  const response = await engine.handle(copy);

  expect(copy.Records.map(({ attributes }) => attributes.ApproximateReceiveCount)).toEqual(['3']);
  expect(response.batchItemFailures).toEqual([]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'processing' });
  expect([engine.inQueue(), engine.deadLetters().length]).toEqual([1, 0]);
});

test('a copy on its last receive stays if the run from the other message has its last receive too, so the job is not lost', async () => {
  const { engine, deliver } = mortal([1]);
  engine.send(envelope(1), { group: 'other' });
  receiveTwice(engine);
  const copy = engine.receive();
  engine.send(envelope(1));
  receiveTwice(engine);
  // SQS dead-letters the message of this run, because the run crashes. By its clock, its lease may not have ended then.
  await deliver();

  const response = await engine.handle(copy);

  expect(response.batchItemFailures).toHaveLength(1);
});

test('two messages of one job on their last receive: the second looks again until the first has its outcome', async () => {
  const { engine, effects } = sampleEngine();
  for (const group of ['one', 'other']) engine.send(envelope(1), { group });
  receiveTwice(engine);
  const both = engine.receive();

  const response = await engine.handle(both);

  expect(both.Records.map(({ attributes }) => attributes.ApproximateReceiveCount)).toEqual(['3', '3']);
  expect(response.batchItemFailures).toEqual([]);
  expect(effects).toEqual([jobId(1)]);
});

test('the poison message in a batch of ten is found and parked, and the other nine succeed', async () => {
  const { engine, deliver, effects } = mortal([5]);
  for (let n = 1; n <= 10; n++) engine.send(envelope(n), { group: `g${n}` });

  for (let round = 0; round < 60; round++) {
    while ((await deliver()) !== 'empty');
    engine.clock.advance(60_000);
    await engine.reconcile();
  }

  expect(
    engine
      .rows()
      .filter(({ state }) => state === 'dead')
      .map(({ id }) => id),
  ).toEqual([jobId(5)]);
  expect(effects.toSorted()).toEqual([1, 2, 3, 4, 6, 7, 8, 9, 10].map(jobId));
  expect(engine.deadLetters().map(({ attributes }) => attributes.code?.StringValue)).toEqual(['CrashLoop']);
});
