import { PermanentError, StopError, StoreError, TransientError } from '../../../lib/errors';
import { todoKey, vendorKey } from '../../../lib/jobs/keys';
import { cancel } from '../../../lib/ops/cancel';
import { anEnvelope, type EngineOptions, jobId, memoryEngine } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

const MINUTE_MS = 60_000;
const unauthorized = () => new StopError({ code: 'Unauthorized', message: '401', vendor: 'zendesk', status: 401 });
const forbidden = () => new PermanentError({ code: 'Forbidden', message: '403', vendor: 'zendesk', status: 403 });
const unavailable = () => new TransientError({ code: 'Unavailable', message: '503', vendor: 'zendesk' });

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

describe('the job of a trial call', () => {
  test('is the newest that has not called the vendor, however many jobs with a 403 are held', async () => {
    let lost = true;
    const { engine, calls, send, deliverAll, minute } = started((n) => {
      if (n <= 3 || lost) throw forbidden();
    });
    // The first job is parked, the second opens the circuit, the third makes the first trial call. All three get a 403.
    send(1, 2);
    await deliverAll();
    for (const n of [3, 4, 5, 6]) {
      send(n);
      if (n === 3) engine.clock.advance(MINUTE_MS);
      await deliverAll();
    }
    lost = false;
    await minute();
    await deliverAll();

    expect(calls).toEqual([1, 2, 3, 6]);
  });

  test('is never one with a 403 while another is held', async () => {
    const { engine, calls, send, deliverAll, minute } = started((n) => {
      throw n > 10 ? forbidden() : unauthorized();
    });
    send(1);
    await deliverAll();
    send(...upTo(10).slice(1));
    await deliverAll();
    // Each of these jobs makes a trial call when it arrives, and is newer than all others.
    for (const n of [11, 12, 13]) {
      engine.clock.advance(MINUTE_MS);
      send(n);
      await deliverAll();
    }
    const before = calls.length;
    engine.deps.share = 4;
    for (let trial = 0; trial < 30; trial++) {
      await minute();
      await deliverAll();
    }

    const trials = calls.slice(before);
    expect(trials).toHaveLength(30);
    expect(trials.slice(0, 10)).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    expect(Math.max(...trials)).toBe(10);
  });

  test('is not one that drew a 403 earlier and was held again before it could call', async () => {
    let broken = false;
    const { engine, calls, send, deliverAll, circuit, minute } = started((n) => {
      if (n < 3) throw forbidden();
      if (broken) throw unauthorized();
    });
    send(1, 2);
    await deliverAll();
    engine.clock.advance(MINUTE_MS);
    send(3);
    await deliverAll();
    await minute();
    broken = true;
    send(4);
    const [guilty, last] = [engine.receive(1), engine.receive(1)];
    await engine.handle(last);
    send(5);
    await deliverAll();
    engine.clock.advance(1);
    await engine.handle(guilty);
    expect(engine.row(jobId(2)).error?.code).toBe('VendorStopped');
    expect((await circuit())?.stoppedAt).toBeDefined();
    await minute();
    await deliverAll();

    expect(calls).toEqual([1, 2, 3, 4, 5]);
  });

  test('is one of the jobs with a 403 if no other is held, each in turn', async () => {
    const { engine, calls, send, deliverAll, minute } = started(() => {
      throw forbidden();
    });
    send(1, 2);
    await deliverAll();
    for (const n of [3, 4]) {
      engine.clock.advance(MINUTE_MS);
      send(n);
      await deliverAll();
    }
    for (let trial = 0; trial < 6; trial++) {
      await minute();
      await deliverAll();
    }

    expect(calls).toEqual([1, 2, 3, 4, 2, 3, 4, 2, 3, 4]);
  });

  test('is a different one each time, so a job that always fails does not keep others from their turn', async () => {
    const { engine, calls, effects, send, deliverAll, minute } = started((n) => {
      if (n > 3) throw unavailable();
    });
    await engine.deps.circuits.open('zendesk', 'Unauthorized');
    send(...upTo(5));
    await deliverAll();
    for (let trial = 0; trial < 3; trial++) {
      await minute();
      await deliverAll();
    }

    expect(calls).toEqual([5, 4, 3]);
    expect(effects).toEqual([jobId(3)]);
  });

  test('is one that is still held, even if the index still has one that is not', async () => {
    const { engine, send, deliverAll, minute } = started(() => {
      throw unauthorized();
    });
    await engine.deps.circuits.open('zendesk', 'Unauthorized');
    for (const n of [1, 2]) {
      send(n);
      await deliverAll();
      engine.clock.advance(1);
    }
    const { table } = engine.deps;
    const todo = todoKey('sample', 'stopped', 'zendesk');
    const listed = await table.due(todo, { until: Number.MAX_SAFE_INTEGER, limit: 16, newestFirst: true });
    engine.deps.table = { ...table, due: async (key, options) => (key === todo ? listed : table.due(key, options)) };
    await cancel(engine.deps, engine.row(jobId(2)));

    await minute();

    expect(engine.row(jobId(1)).state).toBe('queued');
    expect(engine.inQueue()).toBe(1);
  });

  test('is the next one if the newest cannot be released', async () => {
    let broken = true;
    const { engine, effects, send, deliverAll } = started(
      () => {
        if (broken) throw unauthorized();
      },
      {
        before: (call) => {
          if (call === 'objects.get' && reads++ === 0) throw new StoreError({ code: 'S3.Archived', message: 'S3' });
        },
      },
    );
    let reads = 1;
    send(1, 2, 3);
    await deliverAll();
    broken = false;
    reads = 0;
    engine.clock.advance(MINUTE_MS);
    await engine.reconcile();
    await deliverAll();

    expect(effects).toHaveLength(1);
    expect(engine.metrics.filter(({ name }) => name === 'ReconcilerFailures')).toHaveLength(1);
  });
});

test('a circuit that older code opened is half-open at once for the reconciler too', async () => {
  const { engine, effects, send, circuit, minute } = started(() => undefined);
  await engine.deps.circuits.open('zendesk', 'Unauthorized');
  send(1);
  await engine.deliver(1);
  const { retryAt: _retryAt, ...old } = (await circuit()) ?? { key: '', version: 0, writer: '' };
  await engine.table.put({ ...old, version: old.version + 1 }, old.version);
  await minute();
  await engine.deliver(1);

  expect(effects).toEqual([jobId(1)]);
});
