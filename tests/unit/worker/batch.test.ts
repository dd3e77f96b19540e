import { PermanentError, StoreError, TransientError } from '../../../lib/errors';
import { jobKey } from '../../../lib/jobs/keys';
import { envelope, jobId, memoryEngine } from '../../support/engine';
import { rejects, sampleContract, sampleEngine } from '../../support/sample-contract';

const refused = () => new TransientError({ code: 'Refused', message: 'refused' });

describe('a job that succeeds', () => {
  test('ends with a row, one record in the hour of its time, and no message', async () => {
    const { engine, effects } = sampleEngine();
    const messageId = engine.send(envelope(1));

    const response = await engine.deliver();

    expect(response).toEqual({ batchItemFailures: [] });
    expect(effects).toEqual([jobId(1)]);
    expect(engine.row(jobId(1))).toMatchObject({
      state: 'succeeded',
      attempts: 1,
      result: 'done',
      steps: { effect: { status: 'done', result: 'done' } },
      group: 'g',
      deliveries: [{ messageId, receiveCount: 1 }],
    });
    expect(engine.row(jobId(1)).lease).toBeUndefined();
    expect(engine.records()).toMatchObject({
      [`jobs/sample/year=2026/month=01/day=02/hour=03/${jobId(1)}.json`]: {
        state: 'succeeded',
        deliveries: [{ messageId }],
        time: '2026-01-02T03:04:05.000Z',
      },
    });
    expect(engine.inQueue()).toBe(0);
  });
});

describe('a message group', () => {
  test('stops at a message that fails, and its later messages follow after that one', async () => {
    const order: string[] = [];
    let failures = 3;
    const { engine } = sampleEngine(({ id }) => {
      if (id === jobId(1) && failures-- > 0) throw refused();
      order.push(id);
    });
    for (const n of [1, 2, 3]) engine.send(envelope(n));
    engine.send(envelope(4), { group: 'other' });

    const response = await engine.deliver();
    const inFirst = [...order];
    engine.clock.advance(61_000);
    await engine.deliver();

    expect(response.batchItemFailures).toHaveLength(3);
    expect(inFirst).toEqual([jobId(4)]);
    expect(order).toEqual([jobId(4), jobId(1), jobId(2), jobId(3)]);
  });

  test('comes back in one batch, although its messages are hidden one after another', async () => {
    const { contract, effects } = sampleContract(() => {
      throw refused();
    });
    const engine = memoryEngine(() => contract, {
      after: (call) => (call === 'queues.changeVisibility' ? engine.clock.advance(2_000) : undefined),
    });
    for (const n of [1, 2, 3]) engine.send(envelope(n));
    await engine.deliver();

    let back = engine.receive();
    for (let second = 0; second < 120 && back.Records.length === 0; second++) {
      engine.clock.advance(1_000);
      back = engine.receive();
    }

    expect(back.Records.map(({ body }) => body)).toEqual([1, 2, 3].map((n) => envelope(n)));
    expect(effects).toEqual([]);
  });
});

test('when nothing can be written, the message comes back after 15 minutes and loses no attempt', async () => {
  let down = true;
  const { engine, effects } = sampleEngine(() => 'done', {
    before: (call) => {
      if (down && call.startsWith('table')) throw new StoreError({ code: 'Down', message: 'down' });
    },
  });
  const messageId = engine.send(envelope(1));

  const response = await engine.deliver();
  const back = (engine.model.nextChangeAt('my-sample.fifo') ?? 0) - engine.clock.now();
  down = false;
  engine.clock.advance(back);
  await engine.deliver();

  expect(response).toEqual({ batchItemFailures: [{ itemIdentifier: messageId }] });
  expect(back).toBe(900_000);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', attempts: 1 });
  expect(effects).toEqual([jobId(1)]);
});

test('the deadline leaves messages untouched that could not be finished in time', async () => {
  const { engine, effects } = sampleEngine(() => 'done', { timeoutMs: 400 });

  const response = await engine.sendAndDeliver(envelope(1));

  expect(response.batchItemFailures).toHaveLength(1);
  expect(effects).toEqual([]);
  expect(engine.rows()).toEqual([]);
});

const DAY = 86_400_000;
const body = envelope();

async function forget(engine: ReturnType<typeof memoryEngine>): Promise<void> {
  const row = engine.row(jobId(1));
  await engine.table.delete(jobKey('sample', jobId(1)), row.version);
}

test('a finished job whose row has expired is known by its record, so a late copy does nothing', async () => {
  const { engine, effects } = sampleEngine();
  await engine.sendAndDeliver(body);
  engine.clock.advance(46 * DAY);
  await forget(engine);

  const response = await engine.sendAndDeliver(body);

  expect(response).toEqual({ batchItemFailures: [] });
  expect(effects).toEqual([jobId(1)]);
});

test('a dead job whose row has expired keeps its steps in a redrive', async () => {
  let refuse = true;
  const { engine, effects } = sampleEngine(() => {
    if (refuse) throw new PermanentError({ code: 'Rejected', message: 'rejected', vendor: 'zendesk' });
  });
  await engine.sendAndDeliver(body);
  engine.clock.advance(13 * DAY);
  await forget(engine);
  refuse = false;
  engine.redrive();

  await engine.deliver();

  expect(effects).toEqual([jobId(1)]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', generation: 2 });
  expect(engine.row(jobId(1)).history.map(({ event }) => event)).toEqual([
    'started',
    'dead (error)',
    'reopened',
    'started',
    'succeeded',
  ]);
});

const down = () => {
  throw new StoreError({ code: 'S3.SlowDown', message: 'S3 failed' });
};

/** An engine whose vendor refuses the job permanently. Parking the job needs the bucket. */
function refusing(isDown: (call: string) => boolean) {
  const { engine } = sampleEngine(rejects, { before: (call) => (isDown(call) ? down() : undefined) });
  engine.send(envelope());
  return engine;
}

test('a job is given back when the bucket cannot store its body, and the run counts as no attempt', async () => {
  const engine = refusing((call) => call === 'objects.put');

  const response = await engine.deliver();

  expect(response.batchItemFailures).toHaveLength(1);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'queued', attempts: 0, crashes: 0 });
  expect(engine.row(jobId(1)).lease).toBeUndefined();
  expect(engine.row(jobId(1)).history.at(-1)).toMatchObject({ event: 'given back', error: { code: 'S3.SlowDown' } });
});

test('in its last moments a worker begins no write to give a job back, because its answer would come too late', async () => {
  const { engine } = sampleEngine(rejects, {
    before: (call) => {
      if (call !== 'objects.put') return undefined;
      engine.clock.advance(engine.timeoutMs - 100);
      return down();
    },
  });

  const response = await engine.sendAndDeliver(envelope());

  expect(response.batchItemFailures).toHaveLength(1);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'processing', crashes: 0 });
});
