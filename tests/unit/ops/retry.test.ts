import { CancelledError } from '../../../lib/errors';
import { cancel, retry } from '../../../lib/ops/act';
import { acceptedRow } from '../../support/accepted-row';
import { anEnvelope, envelope, jobId, memoryEngine } from '../../support/engine';
import { outage } from '../../support/faults';
import { inState } from '../../support/in-state';
import { rejects, sampleContract, sampleEngine } from '../../support/sample-contract';

const MINUTE = 60_000;

/** A queue whose jobs the vendor rejects until a test calls `fix`. */
function rejecting(options: Parameters<typeof memoryEngine>[1] = {}) {
  let broken = true;
  const { contract, effects } = sampleContract(() => {
    if (broken) rejects();
  });
  const fix = () => {
    broken = false;
  };
  return { engine: memoryEngine(() => contract, options), effects, fix };
}

async function removeBodies({ objects }: ReturnType<typeof memoryEngine>): Promise<void> {
  for (const key of objects.keys()) if (key.includes('/_bodies/')) await objects.delete(key);
}

test('a retried dead job runs in its old message group, and the reconciler deletes its DLQ entry', async () => {
  const { engine, effects, fix } = rejecting();
  await engine.sendAndDeliver(envelope(), { group: 'a-group' });

  fix();
  await retry(engine.deps, engine.row(jobId(1)));
  const [message] = engine.model.messages('my-sample.fifo');
  const { batchItemFailures } = await engine.deliver();
  await engine.reconcile();

  expect(message).toMatchObject({
    body: envelope(),
    groupId: 'a-group',
    attributes: { token: { StringValue: engine.row(jobId(1)).token } },
  });
  expect(batchItemFailures).toEqual([]);
  expect(effects).toEqual([jobId(1)]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', generation: 2 });
  expect(engine.deadLetters()).toEqual([]);
  expect(Object.values(engine.records())).toMatchObject([{ state: 'succeeded' }]);
});

test.each(['after', 'before'])(
  'the history shows a retry before its run, also if a worker claims the message %s the retry is noted',
  async (when) => {
    let sent = false;
    const { engine, fix } = rejecting({
      after: async (call) => {
        if (!sent || call !== 'queues.send') return;
        sent = false;
        engine.clock.advance(1_000);
        await engine.deliver();
        engine.clock.advance(1_000);
      },
    });
    await engine.sendAndDeliver(envelope());
    engine.clock.advance(MINUTE);
    fix();

    sent = when === 'before';
    await retry(engine.deps, engine.row(jobId(1)));
    engine.clock.advance(1_000);
    await engine.deliver();

    const { history } = engine.row(jobId(1));
    const events = ['started', 'dead (error)', 'reopened (operator)', 'started', 'succeeded'];
    expect(history.map(({ event }) => event)).toEqual(events);
    expect(history.map(({ at }) => at)).toEqual(history.map(({ at }) => at).toSorted());
  },
);

test('a second retry is refused, and a job that died again can be retried at once', async () => {
  const { engine, effects, fix } = rejecting();
  await engine.sendAndDeliver(envelope());

  await retry(engine.deps, engine.row(jobId(1)));
  await expect(retry(engine.deps, engine.row(jobId(1)))).rejects.toThrow('is queued');
  const inQueue = engine.inQueue();
  await engine.deliver();
  fix();
  await retry(engine.deps, engine.row(jobId(1)));
  await engine.deliver();
  await engine.reconcile();

  expect(inQueue).toBe(1);
  expect(effects).toEqual([jobId(1)]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', generation: 3 });
  expect(engine.deadLetters()).toEqual([]);
});

test.each(['dead', 'cancelled'])('the reconciler sends a %s job whose retry could not', async (state) => {
  const store = outage('queues.send', { down: false });
  const { engine, effects, fix } = rejecting(store);
  await engine.deps.ledger.write(queuedRow(engine, 'm'), 0);
  engine.send(envelope(), { of: jobId(1) });
  const event = engine.receive();
  if (state === 'cancelled') await cancel(engine.deps, engine.row(jobId(1)));
  await engine.handle(event);
  fix();

  store.down = true;
  await expect(retry(engine.deps, engine.row(jobId(1)))).rejects.toThrow('is down');
  const between = engine.row(jobId(1)).state;
  store.down = false;
  engine.clock.advance(2 * MINUTE);
  await engine.reconcile();
  await engine.deliver();

  expect(between).toBe('queued');
  expect(effects).toEqual([jobId(1)]);
});

test('a body that is missing in the bucket is read from the DLQ entry, and all entries stay in the DLQ', async () => {
  const { engine, effects, fix } = rejecting();
  for (let n = 1; n <= 12; n++) engine.send(envelope(n));
  while (engine.inQueue() > 0) await engine.deliver();
  await removeBodies(engine);

  fix();
  await retry(engine.deps, engine.row(jobId(12)));
  const depth = await engine.deps.queues.depth(engine.deps.dlqUrl('sample'));
  await engine.deliver();

  expect(effects).toEqual([jobId(12)]);
  expect(depth).toEqual({ visible: 12, inFlight: 0 });
});

test('a dead job without a body cannot be retried, and the error says who can send it again', async () => {
  const { engine } = rejecting();
  await engine.sendAndDeliver(JSON.stringify(anEnvelope({ data: { name: 'x'.repeat(11) } })));
  await removeBodies(engine);
  const [entry] = engine.deadLetters();
  const { ReceiptHandle } = engine.model.receiveMessage({ QueueUrl: engine.deps.dlqUrl('sample') }).Messages?.[0] ?? {};
  engine.model.deleteMessage({ QueueUrl: engine.deps.dlqUrl('sample'), ReceiptHandle });

  const retried = retry(engine.deps, engine.row(jobId(1)));

  expect(entry).toBeDefined();
  await expect(retried).rejects.toThrow(/is dead \(error\) and its body is gone.*Let its producer send the job again/);
});

test('a body that is not a job keeps its id when it is retried', async () => {
  const { engine } = rejecting();
  await engine.sendAndDeliver('not json');
  const [row] = engine.rows();

  if (row) await retry(engine.deps, row);
  await engine.deliver();
  await engine.reconcile();

  expect(engine.rows().map(({ id, generation, state }) => ({ id, generation, state }))).toEqual([
    { id: row?.id, generation: 2, state: 'dead' },
  ]);
  expect(engine.deadLetters()).toHaveLength(1);
});

test('a job whose message expired can be retried if its body is kept', async () => {
  const { engine, effects, fix } = rejecting();
  await engine.sendAndDeliver(envelope());
  await engine.deps.ledger.update(`sample#${jobId(1)}`, (row) => ({ ...row, reason: 'expired' }));

  fix();
  await retry(engine.deps, engine.row(jobId(1)));
  await engine.deliver();

  expect(effects).toEqual([jobId(1)]);
});

describe('a cancelled job', () => {
  async function cancelled(options: Parameters<typeof memoryEngine>[1] = {}) {
    const sample = rejecting(options);
    sample.fix();
    const { engine } = sample;
    await engine.deps.ledger.write(queuedRow(engine, 'm'), 0);
    engine.send(envelope(), { of: jobId(1) });
    const event = engine.receive();
    await cancel(engine.deps, engine.row(jobId(1)));
    return { ...sample, event };
  }

  test('that was queued runs from its own message after a retry', async () => {
    const { engine, effects, event } = await cancelled();

    const { messageId } = await retry(engine.deps, engine.row(jobId(1)));
    await engine.handle(event);

    expect(messageId).toBeUndefined();
    expect(effects).toEqual([jobId(1)]);
    expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', generation: 2 });
  });

  test('whose message was acknowledged is sent again', async () => {
    const { engine, effects, event } = await cancelled();
    await engine.handle(event);
    const before = { inQueue: engine.inQueue(), effects: [...effects] };

    await retry(engine.deps, engine.row(jobId(1)));
    const waiting = engine.row(jobId(1));
    await engine.deliver();

    expect(before).toEqual({ inQueue: 0, effects: [] });
    expect(waiting).toMatchObject({ state: 'queued', sentAt: engine.clock.now() });
    expect(effects).toEqual([jobId(1)]);
    expect(engine.objects.keys().filter((key) => key.includes('/_bodies/'))).toEqual([]);
  });

  test('that is retried while a worker acknowledges its message runs from that message', async () => {
    let race: (() => Promise<unknown>) | undefined;
    const { engine, effects, event } = await cancelled({
      before: async (call) => {
        if (call !== 'objects.put' || !race) return;
        const retryNow = race;
        race = undefined;
        await retryNow();
      },
    });

    race = () => retry(engine.deps, engine.row(jobId(1)));
    await engine.handle(event);

    expect(effects).toEqual([jobId(1)]);
    expect(engine.row(jobId(1)).state).toBe('succeeded');
  });

  test('whose message SQS dead-lettered keeps its body when the reconciler judges that message', async () => {
    const { engine, effects } = await cancelled();
    for (let receive = 0; receive < 4; receive++) {
      engine.clock.advance(301_000);
      engine.receive();
    }
    const dead = engine.deadLetters().length;

    await engine.reconcile();
    await retry(engine.deps, engine.row(jobId(1)));
    await engine.deliver();

    expect(dead).toBe(1);
    expect(engine.deadLetters()).toEqual([]);
    expect(effects).toEqual([jobId(1)]);
  });

  test('that its own run cancelled cannot be retried, because its message is gone and no body is kept', async () => {
    const { engine } = sampleEngine(() => {
      throw new CancelledError();
    });
    await engine.sendAndDeliver(envelope());

    await expect(retry(engine.deps, engine.row(jobId(1)))).rejects.toThrow(
      /cancelled \(operator\) and its body is gone/,
    );
    expect(engine.row(jobId(1)).state).toBe('cancelled');
  });
});

test.each([
  ['succeeded', {}, 'is succeeded: only a dead or cancelled job can be retried.'],
  ['held', { reason: 'throttled' }, 'only a dead or cancelled job can be retried. It continues automatically.'],
  ['held', { reason: 'unknown' }, 'Settle its step first, as done or skipped:'],
] as const)('a job that is %s %j cannot be retried', async (state, reason, says) => {
  const { engine } = rejecting();

  await expect(retry(engine.deps, { ...queuedRow(engine), state: inState(state), ...reason })).rejects.toThrow(says);
});

/** The row as a producer leaves it. It is marked as sent if there is a message. */
function queuedRow(engine: ReturnType<typeof memoryEngine>, messageId?: string) {
  const row = acceptedRow(engine.clock.now());
  return messageId === undefined ? row : { ...row, sentAt: engine.clock.now() };
}
