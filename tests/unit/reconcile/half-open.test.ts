import { StopError } from '../../../lib/errors';
import { vendorKey } from '../../../lib/jobs/keys';
import { anEnvelope, type EngineOptions, jobId, memoryEngine } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

const MINUTE_MS = 60_000;
const unauthorized = () => new StopError({ code: 'Unauthorized', message: '401', vendor: 'zendesk', status: 401 });

/** Jobs 1 to `count`, each in its own group, and a vendor whose answers the test decides. */
function started(answer: (n: number) => void, options?: EngineOptions) {
  const calls: number[] = [];
  const { contract, effects } = sampleContract(({ id }) => {
    const n = Number.parseInt(id.slice(-12), 16);
    calls.push(n);
    answer(n);
  });
  const engine = memoryEngine(() => contract, options);
  const send = (...numbers: number[]) => {
    for (const n of numbers) engine.send(JSON.stringify(anEnvelope({ id: jobId(n) })), { group: `g${n}` });
  };
  const deliverAll = async () => {
    for (let event = engine.receive(10); event.Records.length > 0; event = engine.receive(10))
      await engine.handle(event);
  };
  const circuit = () => engine.table.get(vendorKey('zendesk'));
  const states = () => new Set(engine.rows().map(({ state }) => state));
  const minute = async () => {
    engine.clock.advance(MINUTE_MS);
    await engine.reconcile();
  };
  return { engine, calls, effects, send, deliverAll, circuit, states, minute };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

test('a recovered vendor is found even if every message reaches a worker 90 seconds after it was sent', async () => {
  let broken = true;
  const { engine, calls, send, deliverAll, states } = started(() => {
    if (broken) throw unauthorized();
  });
  send(...upTo(200));
  await deliverAll();
  expect(states()).toEqual(new Set(['held']));

  broken = false;
  const before = calls.length;
  const under: { at: number; event: ReturnType<typeof engine.receive> }[] = [];
  let minutes = 0;
  for (; minutes < 60 && calls.length === before; minutes++) {
    await engine.reconcile();
    for (const _half of [1, 2]) {
      const event = engine.receive(10);
      if (event.Records.length > 0) under.push({ at: engine.clock.now() + 90_000, event });
      while (under[0] && under[0].at <= engine.clock.now()) await engine.handle(under.shift()?.event ?? event);
      engine.clock.advance(MINUTE_MS / 2);
    }
  }

  expect(minutes).toBeLessThan(5);
});

test('the next of a thousand queued messages makes the trial call, so the reconciler releases nothing', async () => {
  let broken = true;
  const { engine, calls, effects, send, deliverAll, circuit, states, minute } = started(() => {
    if (broken) throw unauthorized();
  });
  send(...upTo(1_000));
  await engine.deliver(1);
  broken = false;
  await minute();
  expect(engine.inQueue()).toBe(999);
  expect(await circuit()).toMatchObject({ stoppedAt: expect.any(Number) });

  await engine.deliver(1);
  expect(calls).toEqual([1, 2]);
  expect((await circuit())?.stoppedAt).toBeUndefined();
  await deliverAll();
  await minute();
  await deliverAll();

  expect(effects).toHaveLength(1_000);
  expect(states()).toEqual(new Set(['succeeded']));
});

test('a queue that always holds a message that never calls the vendor delays the trial call by at most five minutes', async () => {
  let broken = true;
  const { engine, effects, send, minute } = started(() => {
    if (broken) throw unauthorized();
  });
  send(1);
  await engine.deliver(1);
  broken = false;
  send(2);
  const waiting = engine.receive(1);
  let minutes = 0;
  for (; effects.length === 0 && minutes < 30; minutes++) {
    await minute();
    for (const { receiptHandle } of waiting.Records)
      await engine.deps.queues.changeVisibility(engine.deps.queueUrl('sample'), receiptHandle, 3_600);
    await engine.deliver(1);
  }

  expect(minutes).toBe(6);
  expect(effects).toEqual([jobId(1)]);
});

test("the reconciler waits for another queue's trial call until its invocation has ended", async () => {
  const { engine, send, minute } = started(() => {
    throw unauthorized();
  });
  send(1);
  await engine.deliver(1);
  engine.clock.advance(MINUTE_MS);
  await engine.deps.circuits.enter('zendesk', engine.clock.now() + 90_000);
  await minute();
  const during = engine.inQueue();
  await minute();

  expect(during).toBe(0);
  expect(engine.inQueue()).toBe(1);
});

test("the many jobs of a recovered vendor do not delay another vendor's trial call", async () => {
  const { engine, send, deliverAll } = started(() => undefined);
  await engine.deps.circuits.open('zendesk', 'Unauthorized');
  send(1, 2, 3);
  await deliverAll();
  await engine.deps.ledger.update(engine.row(jobId(3)).key, (row) => ({ ...row, vendor: 'sendgrid' }));
  await engine.deps.circuits.close('zendesk', 'job');
  await engine.deps.circuits.open('sendgrid', 'Unauthorized');
  engine.clock.advance(MINUTE_MS);
  await engine.reconcile();

  const released = engine.lines.filter(({ message }) => message === 'released').map(({ facts }) => facts.jobId);
  expect(released).toEqual([3, 1, 2].map(jobId));
});
