import { jobKey } from '../../../../lib/engine/jobs/keys';
import { createTrials } from '../../../../lib/engine/jobs/ledger';
import { leaveWitness } from '../../../../lib/engine/jobs/witness';
import { dlqCounts, hideMs, judgeDeadLetters, receiveAll } from '../../../../lib/engine/reconcile/dead-letters';
import { codeOf, StoreError, WaitError } from '../../../../lib/platform/errors';
import type { ReceivedMessage } from '../../../../lib/platform/ports';
import { acceptedRow } from '../../../support/accepted-row';
import { damagedItem, damagedRow } from '../../../support/damage';
import { layParked, moveUntried, spendReceives } from '../../../support/dead-letters';
import { anEnvelope, type Engine, envelope, jobId, memoryEngine } from '../../../support/engine';
import { outage } from '../../../support/faults';
import { createKills } from '../../../support/kills';
import { memoryRandom } from '../../../support/memory-clock';
import { reconcileRun } from '../../../support/reconcile-run';
import { sampleContract, sampleEngine } from '../../../support/sample-contract';

const MINUTE = 60_000;

test('untried messages go back to the queue: first one, then all, and every job is done', async () => {
  const { engine, effects } = sampleEngine();
  for (let n = 1; n <= 12; n++) engine.send(envelope(n), { group: n % 2 ? 'a' : `g${n}` });
  spendReceives(engine);
  const untried = engine.deadLetters().length;

  await engine.reconcile();
  const first = engine.inQueue();
  await engine.reconcileAfter(MINUTE);
  const untilItHasAnOutcome = engine.inQueue();
  await engine.minutes(5);

  expect(untried).toBe(12);
  expect([first, untilItHasAnOutcome]).toEqual([1, 1]);
  expect(effects).toHaveLength(12);
  expect(engine.deadLetters()).toEqual([]);
  expect(engine.lines.filter(({ message }) => message === 'returned untried')).toHaveLength(12);
  expect(engine.facts).toMatchObject([{ fact: 'messages-returned', subject: 'sample', on: true }]);
});

test('a returned job that is held shows that the worker works, as one that succeeds does', async () => {
  const { engine } = sampleEngine(() => {
    throw new WaitError({ code: 'Throttled', message: '429', vendor: 'zendesk', waitMs: 60 * MINUTE });
  });
  for (const n of [1, 2, 3]) moveUntried(engine, n);
  await engine.minutes(1);
  expect(engine.rows().map(({ state }) => state)).toContain('held');

  await engine.reconcileAfter(MINUTE);

  expect([engine.inQueue(), engine.deadLetters()]).toEqual([2, []]);
});

test('a message that crashes its worker before any write is parked the third time, and delays the others only for a while', async () => {
  const { engine, effects } = sampleEngine();
  engine.send(envelope(1), { group: 'poison' });
  for (const n of [2, 3, 4]) engine.send(envelope(n), { group: `g${n}` });
  spendReceives(engine);

  for (let minute = 0; minute < 120; minute++) {
    await engine.reconcile();
    // The worker of the poison message begins with it and dies before its claim. All other messages are handled.
    for (let event = engine.receive(1); event.Records.length > 0; event = engine.receive(1))
      for (const { body, messageId } of event.Records)
        if (body === envelope(1)) await engine.deps.ledger.trials.begin('sample', messageId);
        else await engine.handle(event);
    engine.clock.advance(MINUTE);
  }

  expect(effects.toSorted()).toEqual([2, 3, 4].map(jobId));
  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', reason: 'crash', error: { code: 'CrashLoop' } });
  expect(engine.deadLetters()).toHaveLength(1);
  expect(engine.inQueue()).toBe(0);
});

/** A note that was made before the table failed. */
const begunBefore = ({ table, clock }: Engine): Engine['deps']['ledger']['trials']['begin'] =>
  createTrials({ table, clock, random: memoryRandom() }).begin;

test.each([
  ['write', 'table.get'],
  ['delete its note', 'table'],
])('a message whose live worker could not %s is no poison, and returns as often as before', async (_what, call) => {
  const store = outage(call);
  const { engine } = sampleEngine(() => 'done', store);
  engine.deps.ledger.trials.begin = begunBefore(engine);
  await engine.sendAndDeliver(envelope(1), { attributes: { returned: '2', returnedAt: '1' } });
  engine.clock.advance(900_000);
  spendReceives(engine);
  store.down = false;

  await engine.reconcile();

  expect(engine.rows()).toMatchObject([{ state: 'queued', deliveries: [] }]);
  expect(engine.model.messages('my-sample.fifo')).toMatchObject([{ attributes: { returned: { StringValue: '2' } } }]);
});

test('a number of returns that is none counts as never returned, so its message cannot stand before all others', async () => {
  const { engine } = sampleEngine();
  moveUntried(engine, 1, { attributes: { returned: '-1' } });

  await engine.reconcile();

  expect(engine.model.messages('my-sample.fifo')).toMatchObject([{ attributes: { returned: { StringValue: '1' } } }]);
});

test('a job that runs after a crash is not judged by another copy of its message', async () => {
  const never = new Promise<never>(() => {});
  const { engine } = sampleEngine(() => never);
  moveUntried(engine, 1);
  engine.send(envelope(1));
  for (const run of [1, 2]) {
    void engine.deliver();
    await new Promise(setImmediate);
    if (run === 1) engine.clock.advance(301_000);
  }

  await engine.reconcile();

  expect(engine.row(jobId(1))).toMatchObject({ state: 'processing', crashes: 1 });
  expect(engine.deadLetters()).toHaveLength(1);
});

test.each(['table.get', 'queues.send'])('a walk that fails at %s puts back what it has received', async (call) => {
  const store = outage(call, { down: false });
  const { engine } = sampleEngine(() => 'done', store);
  for (let n = 1; n <= 3; n++) engine.send(envelope(n), { group: `g${n}` });
  spendReceives(engine);
  const { queues, dlqUrl } = engine.deps;

  store.down = true;
  const walk = judgeDeadLetters(reconcileRun(engine.deps), 'sample', () => true);

  await expect(walk).rejects.toThrow('is down');
  expect(await queues.depth(dlqUrl('sample'))).toEqual({ visible: 3, inFlight: 0 });
});

test('a message whose worker began and stored its claim is not taken for a poison message', async () => {
  const kills = createKills();
  const { engine } = sampleEngine(() => kills.die(), kills);
  engine.send(envelope(1), { attributes: { returned: '2', returnedAt: '1' } });
  await kills.run(() => engine.deliver());
  engine.clock.advance(301_000);
  spendReceives(engine);

  await engine.reconcile();

  expect(engine.row(jobId(1)).state).toBe('processing');
  expect(engine.inQueue()).toBe(1);
});

test.each([
  [false, 'is parked from the DLQ, not returned', { state: 'dead', reason: 'crash', error: { code: 'CrashLoop' } }],
  [true, 'is returned if the last one left a witness', { state: 'processing', crashes: 1 }],
])('a job whose last two runs ended without an outcome (%s) %s', async (witnessed, _end, expected) => {
  const kills = createKills();
  const { engine } = sampleEngine(() => kills.die(), kills);
  engine.send(envelope(1));
  for (const _run of [1, 2]) {
    await kills.run(() => engine.deliver());
    engine.clock.advance(301_000);
  }
  spendReceives(engine);
  if (witnessed) await leaveWitness(engine.deps, 'sample', engine.row(jobId(1)).lease?.token ?? '');

  await engine.reconcile();

  expect(engine.inQueue()).toBe(witnessed ? 1 : 0);
  expect(engine.row(jobId(1))).toMatchObject(expected);
  const codes = engine.deadLetters().map(({ attributes }) => attributes.code?.StringValue);
  expect(codes).toEqual(witnessed ? [] : ['CrashLoop']);
});

test('a DLQ message that cannot be judged does not hold back other groups, and its own group keeps its order', async () => {
  const store = outage('table.get', { of: jobId(1) });
  const { engine, effects } = sampleEngine(() => 'done', store);
  for (let n = 1; n <= 6; n++) engine.send(envelope(n), { group: `g${n % 3}` });
  spendReceives(engine);

  await engine.minutes(5);
  const meanwhile = effects.toSorted();
  const left = engine.deadLetters().length;
  store.down = false;
  await engine.minutes(5);

  expect([meanwhile, left]).toEqual([[2, 3, 5, 6].map(jobId), 2]);
  expect(effects.slice(4)).toEqual([1, 4].map(jobId));
  expect(engine.deadLetters()).toEqual([]);
});

/** A queue with one message in each group. */
function queueOf(count: number) {
  const engine = memoryEngine(() => sampleContract().contract);
  for (let n = 0; n < count; n++) engine.send(`message ${n}`, { group: `g${n}` });
  const bodies: string[] = [];
  const act = async (messages: ReceivedMessage[]) => void bodies.push(...messages.map(({ body }) => body));
  const receiving = { url: engine.deps.queueUrl('sample'), seconds: 60, mayGoOn: () => true };
  return { engine, bodies, act, receiving };
}

test.each([
  ['every message', { alone: 25, together: 0, after: 0 }, 25],
  ['of a pair whose first is the tenth of its batch, both', { alone: 9, together: 2, after: 14 }, 25],
  ['of a group, at most the ten that SQS shows', { alone: 3, together: 12, after: 0 }, 13],
])('%s are received once', async (_what, { alone, together, after }, expected) => {
  const { engine, bodies, act, receiving } = queueOf(alone);
  for (let n = 0; n < together; n++) engine.send(`of one group ${n}`, { group: 'one' });
  for (let n = 0; n < after; n++) engine.send(`behind ${n}`, { group: `h${n}` });

  expect(await receiveAll(engine.deps.queues, receiving, act)).toBe(true);
  expect([bodies.length, new Set(bodies).size]).toEqual([expected, expected]);
});

test('an empty answer does not end the walk, because SQS may have asked a server without messages', async () => {
  const { engine, bodies, act, receiving } = queueOf(5);
  const { queues } = engine.deps;
  let asked = 0;
  const receive: typeof queues.receive = async (...given) => (++asked % 2 === 1 ? [] : queues.receive(...given));

  await receiveAll({ ...queues, receive }, receiving, act);

  expect(bodies).toHaveLength(5);
});

test.each([
  ['SQS.OverLimit', 'because too many messages are in flight'],
  ['SQS.Throttled', 'with its error'],
])('a receive that fails with %s ends the walk %s', async (code) => {
  const { engine, bodies, act, receiving } = queueOf(25);
  const { queues } = engine.deps;
  const receive: typeof queues.receive = async (...given) => {
    if (bodies.length >= 9) throw new StoreError({ code, message: code });
    return queues.receive(...given);
  };

  const end = await receiveAll({ ...queues, receive }, receiving, act).catch(codeOf);

  expect([end, bodies.length]).toEqual([code === 'SQS.OverLimit' || code, 9]);
});

test('a DLQ does not lack the entries that have expired, although their rows are not marked yet', async () => {
  const { engine } = sampleEngine();
  await layParked(engine, 2);
  engine.clock.advance(engine.deps.settings('sample').dlqRetention * 1000 + 1);

  expect(await dlqCounts(engine.deps, 'sample')).toEqual({ entries: 0, surplus: 0 });
});

test('a row that is damaged while its message is returned is reported, and the walk goes on', async () => {
  const { engine } = sampleEngine();
  await engine.accept(envelope());
  await engine.deps.ledger.update(engine.row(jobId(1)).key, (row) => ({ ...row, sentAt: engine.clock.now() }));
  spendReceives(engine);
  const { write } = engine.deps.ledger;
  engine.deps.ledger.write = async (row, expected) => {
    await damagedItem(engine.table, row.key, ({ steps: _gone, ...rest }) => ({ ...rest, version: expected + 1 }));
    return write(row, expected);
  };

  await engine.reconcile();

  const failures = engine.lines.filter(({ message }) => message === 'reconciling failed').map(({ facts }) => facts);
  expect(failures).toContainEqual({ kind: 'judgeDeadLetters', queue: 'sample', jobId: jobId(1), code: 'RowDamaged' });
  expect(engine.inQueue()).toBe(0);
});

const QUARTER = 15 * MINUTE;
const UNTRIED = 1_000_000;

/** An engine whose calls each take `cost.ms`, one after another. */
function slowEngine() {
  const cost = { ms: 0 };
  // The runs of a walk then meet the entries in the order in which they were sent.
  const { engine } = sampleEngine(undefined, { groupOrder: 'age', before: () => engine.clock.advance(cost.ms) });
  return { engine, cost };
}

test('a damaged row is reported once while its entry is hidden among thousands', async () => {
  const { engine, cost } = slowEngine();
  await engine.deps.ledger.write({ ...acceptedRow(engine.clock.now()), sentAt: engine.clock.now() }, 0);
  await damagedRow(engine.table, jobKey('sample', jobId(1)), 'steps');
  await engine.sendAndDeliver(envelope());
  await layParked(engine, 2_400, 2);

  cost.ms = 50;
  for (let count = 0; count < 60; count++) {
    const begun = engine.clock.now();
    await engine.reconcile();
    while (engine.inQueue() > 0) await engine.deliver();
    engine.clock.advance(Math.max(1, begun + MINUTE - engine.clock.now()));
  }

  expect(engine.facts.filter(({ fact }) => fact === 'row-damaged').map(({ on }) => on)).toEqual([true]);
});

test.each([
  ['twice the time that the other looks need', { entries: 30_000, everyMs: MINUTE }, 6_000, 10 * MINUTE],
  ['longer if a look is due only each quarter of an hour', { entries: 30_000, everyMs: QUARTER }, 6_000, 150 * MINUTE],
  ['five minutes at least', { entries: 6_000, everyMs: MINUTE }, 6_000, 5 * MINUTE],
  ['eleven hours at most', { entries: 100_000, everyMs: QUARTER }, 0, 11 * 60 * MINUTE],
])('entries are hidden for %s', (_what, look, judged, expected) => {
  expect(hideMs(look, judged)).toBe(expected);
});

test('more waiting messages than a run can handle do not keep the walk from the messages behind them', async () => {
  const { engine, cost } = slowEngine();
  for (let n = 0; n < 400; n++) engine.send(JSON.stringify(anEnvelope({ id: jobId(UNTRIED + n) })), { group: `u${n}` });
  spendReceives(engine);
  await layParked(engine, 200);

  cost.ms = 50;
  // No worker takes the returned message, so all others wait.
  const receive = jest.spyOn(engine.deps.queues, 'receive');
  for (let runs = 0; runs < 15; runs++) {
    await engine.reconcile();
    engine.clock.advance(MINUTE - 14_000);
  }

  expect(engine.inQueue()).toBe(1);
  const received = await Promise.all(receive.mock.results.map(({ value }) => value));
  expect(new Set(received.flat().map(({ messageId }) => messageId)).size).toBe(600);
});

test('a run holds no more bodies of untried messages than fit into its memory', async () => {
  const { engine } = sampleEngine();
  for (let n = 0; n < 40; n++) moveUntried(engine, n, { body: 'x'.repeat(1_000_000) });

  await engine.reconcile();

  // Half of the waiting messages are shown at once, the others when the walk is over.
  const { queues, dlqUrl } = engine.deps;
  expect((await queues.depth(dlqUrl('sample'))).inFlight).toBeGreaterThan(10);
});

test('a DLQ whose count agrees is looked at every quarter of an hour, and every minute if it differs', async () => {
  const { engine } = sampleEngine();
  await layParked(engine, 5);
  const receive = jest.spyOn(engine.deps.queues, 'receive');
  const looks: number[] = [];
  for (let run = 0; run < 34; run++) {
    const attributes = { code: 'NotOurs', job: jobId(UNTRIED) };
    const entry = { body: '{}', groupId: 'x', deduplicationId: 'x', attributes };
    if (run === 31) await engine.deps.queues.send(engine.deps.dlqUrl('sample'), entry);
    receive.mockClear();
    await engine.reconcile();
    if (receive.mock.calls.length > 0) looks.push(run);
    engine.clock.advance(MINUTE);
  }

  expect(looks).toEqual([0, 11, 26, 31, 32, 33]);
});
