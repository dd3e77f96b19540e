import { jobKey } from '../../../lib/jobs/keys';
import { hideMs } from '../../../lib/reconcile/dead-letters';
import { acceptedRow } from '../../support/accepted-row';
import { damagedRow } from '../../support/damage';
import { layParked, moveUntried, spendReceives } from '../../support/dead-letters';
import { anEnvelope, envelope, jobId } from '../../support/engine';
import { sampleEngine } from '../../support/sample-contract';

const MINUTE = 60_000;
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
