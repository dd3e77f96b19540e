import { CancelledError } from '../../../lib/errors';
import { cancel, retry } from '../../../lib/ops/act';
import { acceptedRow } from '../../support/accepted-row';
import { type EngineOptions, envelope, jobId } from '../../support/engine';
import { inState } from '../../support/in-state';
import { rejects, sampleEngine } from '../../support/sample-contract';

const ID = jobId(1);

/** A queue whose jobs the vendor rejects until a test calls `fix`. */
function rejecting(options: EngineOptions = {}) {
  let broken = true;
  const { engine, effects } = sampleEngine(() => {
    if (broken) rejects();
  }, options);
  return {
    ...{ engine, effects, row: () => engine.row(ID), retry: () => retry(engine.deps, engine.row(ID)) },
    fix: () => {
      broken = false;
    },
  };
}

test('a retried dead job runs in its old message group, and the reconciler deletes its DLQ entry', async () => {
  const { engine, effects, fix, row, ...made } = rejecting();
  await engine.sendAndDeliver(envelope(), { group: 'a-group' });

  fix();
  await made.retry();
  const [message] = engine.model.messages('my-sample.fifo');
  const { batchItemFailures } = await engine.deliver();
  await engine.reconcile();

  const token = { StringValue: row().token };
  expect(message).toMatchObject({ body: envelope(), groupId: 'a-group', attributes: { token } });
  expect(batchItemFailures).toEqual([]);
  expect(effects).toEqual([ID]);
  expect(row()).toMatchObject({ state: 'succeeded', generation: 2 });
  expect(row().history.map(({ event }) => event)).toEqual([
    ...['started', 'dead (error)', 'reopened (operator)', 'started', 'succeeded'],
  ]);
  expect(engine.deadLetters()).toEqual([]);
  expect(Object.values(engine.records())).toMatchObject([{ state: 'succeeded' }]);
});

test('a second retry is refused, and a job that died again can be retried at once', async () => {
  const { engine, effects, fix, row, ...made } = rejecting();
  await engine.sendAndDeliver(envelope());

  await made.retry();
  await expect(made.retry()).rejects.toThrow('is queued');
  const inQueue = engine.inQueue();
  await engine.deliver();
  fix();
  await made.retry();
  await engine.deliver();
  await engine.reconcile();

  expect(inQueue).toBe(1);
  expect(effects).toEqual([ID]);
  expect(row()).toMatchObject({ state: 'succeeded', generation: 3 });
  expect(engine.deadLetters()).toEqual([]);
});

test('a dead job whose body is gone cannot be retried, and the error says what helps', async () => {
  const { engine, ...made } = rejecting();
  await engine.sendAndDeliver(envelope());
  for (const key of engine.objects.keys()) if (key.includes('/_bodies/')) await engine.objects.delete(key);

  await expect(made.retry()).rejects.toThrow(/is dead \(error\) and its body is gone. If it has a DLQ entry, redrive/);
});

/** A job that was cancelled while its message was on its way to a worker. */
async function cancelled() {
  const made = rejecting();
  const { engine, row } = made;
  await engine.deps.ledger.write({ ...acceptedRow(engine.clock.now()), sentAt: engine.clock.now() }, 0);
  engine.send(envelope(), { of: ID });
  const event = engine.receive();
  await cancel(engine.deps, row());
  made.fix();
  return { ...made, event };
}

describe('a cancelled job', () => {
  test('that was queued runs from its own message after a retry', async () => {
    const { engine, effects, event, row, ...made } = await cancelled();

    const { messageId } = await made.retry();
    await engine.handle(event);

    expect(messageId).toBeUndefined();
    expect(effects).toEqual([ID]);
    expect(row()).toMatchObject({ state: 'succeeded', generation: 2 });
  });

  test('whose message SQS dead-lettered keeps its body when the reconciler judges that message', async () => {
    const { engine, effects, ...made } = await cancelled();
    for (let receive = 0; receive < 4; receive++) {
      engine.clock.advance(301_000);
      engine.receive();
    }
    const dead = engine.deadLetters().length;

    await engine.reconcile();
    await made.retry();
    await engine.deliver();

    expect(dead).toBe(1);
    expect(engine.deadLetters()).toEqual([]);
    expect(effects).toEqual([ID]);
  });

  test('that its own run cancelled cannot be retried, because its message is gone and no body is kept', async () => {
    const { engine } = sampleEngine(() => {
      throw new CancelledError();
    });
    await engine.sendAndDeliver(envelope());

    await expect(retry(engine.deps, engine.row(ID))).rejects.toThrow(/cancelled \(operator\) and its body is gone/);
  });
});

test.each([
  ['succeeded', {}, 'is succeeded: only a dead or cancelled job can be retried.'],
  ['held', { reason: 'throttled' }, 'only a dead or cancelled job can be retried. It continues automatically.'],
  ['held', { reason: 'unknown' }, 'Settle its step first: sls jobs settle'],
] as const)('a job that is %s %j cannot be retried', async (state, reason, says) => {
  const { engine } = rejecting();

  await expect(retry(engine.deps, { ...acceptedRow(0), state: inState(state), ...reason })).rejects.toThrow(says);
});
