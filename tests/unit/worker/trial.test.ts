import { AmbiguousError, PermanentError, StopError, TransientError, WaitError } from '../../../lib/errors';
import { vendorKey } from '../../../lib/jobs/keys';
import type { RunContext } from '../../../lib/worker/contract';
import { anEnvelope, type EngineOptions, jobId, memoryEngine } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

const MINUTE_MS = 60_000;
const unauthorized = () => new StopError({ code: 'Unauthorized', message: '401', vendor: 'zendesk', status: 401 });

/** A vendor that refused us a minute ago. `answer` is what it answers from now on. */
async function halfOpen(
  answer: (context: RunContext) => Promise<unknown> | unknown = () => 'done',
  options: EngineOptions = {},
) {
  let calls = 0;
  const { contract, effects } = sampleContract((_job, context) => {
    calls++;
    return answer(context);
  });
  const engine = memoryEngine(() => contract, options);
  await engine.deps.circuits.open('zendesk', 'Unauthorized');
  engine.clock.advance(MINUTE_MS);
  return {
    engine,
    effects,
    calls: () => calls,
    circuit: () => engine.table.get(vendorKey('zendesk')),
    send: (...numbers: number[]) => {
      for (const n of numbers) engine.send(JSON.stringify(anEnvelope({ id: jobId(n) })), { group: `g${n}` });
    },
    states: () => engine.rows().map(({ state, reason }) => (reason ? `${state} ${reason}` : state)),
  };
}

test('no job calls the vendor before a minute has passed, and the next call is the trial call', async () => {
  const { engine, effects, send, states } = await halfOpen();
  engine.clock.advance(-1);
  send(1, 2);
  await engine.deliver(1);
  engine.clock.advance(1);
  await engine.deliver(1);

  expect(effects).toEqual([jobId(2)]);
  expect(states()).toEqual(['held stopped', 'succeeded']);
});

test('if two workers want the trial call at the same time, one calls and the other holds its job', async () => {
  const { engine, calls, send, states, circuit } = await halfOpen(async ({ now }) => now());
  send(1, 2);

  const events = [engine.receive(1), engine.receive(1)];
  await Promise.all(events.map((event) => engine.handle(event)));

  expect(calls()).toBe(1);
  expect(states().toSorted()).toEqual(['held stopped', 'succeeded']);
  expect(await circuit()).toMatchObject({ forbidden: [], transients: 0 });
  expect((await circuit())?.stoppedAt).toBeUndefined();
});

test.each([
  ['is refused', unauthorized],
  ['finds the vendor down', () => new TransientError({ code: 'Unavailable', message: '503', vendor: 'zendesk' })],
  ['gets no answer', () => new AmbiguousError({ code: 'Timeout', message: 'no answer', vendor: 'zendesk' })],
  ['gets a bare 403', () => new PermanentError({ code: 'Forbidden', message: '', vendor: 'zendesk', status: 403 })],
])('a trial call that %s costs its job no attempt and is the only call of two minutes', async (_how, failure) => {
  const { engine, calls, send, circuit } = await halfOpen(() => {
    throw failure();
  });
  send(1, 2, 3);
  await engine.deliver(10);
  engine.clock.advance(2 * MINUTE_MS - 1);
  send(4);
  await engine.deliver(1);

  expect(calls()).toBe(1);
  expect(await circuit()).toMatchObject({ stoppedAt: expect.any(Number), retryAt: engine.clock.now() + 1 });
  expect((await circuit())?.trial).toBeUndefined();
  expect(engine.rows().map(({ state, reason, attempts }) => [state, reason, attempts])).toEqual(
    [1, 2, 3, 4].map(() => ['held', 'stopped', 0]),
  );
});

test.each([
  [
    'that the job is wrong',
    () => new PermanentError({ code: 'Rejected', message: '422', vendor: 'zendesk', status: 422 }),
  ],
  [
    "that the job's sender is wrong",
    () => new PermanentError({ code: 'Rejected', message: '403', vendor: 'zendesk', status: 403, field: 'from' }),
  ],
  [
    'to wait',
    () => new WaitError({ code: 'Throttled', message: '429', vendor: 'zendesk', status: 429, waitMs: 10 * MINUTE_MS }),
  ],
])('the circuit closes when the vendor answers the trial call %s', async (_what, answer) => {
  let answers = 0;
  const { engine, effects, send, circuit } = await halfOpen(() => {
    if (answers++ === 0) throw answer();
  });
  send(1, 2);
  await engine.deliver(1);
  await engine.deliver(1);

  expect(effects).toEqual([jobId(2)]);
  expect(await circuit()).toMatchObject({ forbidden: [], transients: 0 });
  expect((await circuit())?.stoppedAt).toBeUndefined();
});

test('if a job makes no call in its trial, the next worker may try', async () => {
  let waits = 0;
  const { engine, effects, send, states } = await halfOpen(() => {
    if (waits++ === 0) throw new WaitError({ code: 'NoRateSlot', message: 'no slot', waitMs: 10 * MINUTE_MS });
  });
  send(1, 2);
  await engine.deliver(1);
  await engine.deliver(1);

  expect(states()).toEqual(['held throttled', 'succeeded']);
  expect(effects).toEqual([jobId(2)]);
});

test('calls that were already running when the circuit opened do not postpone the trial call', async () => {
  const { engine, circuit } = await halfOpen();
  const before = await circuit();
  const { circuits } = engine.deps;
  for (let call = 0; call < 6; call++) await circuits.transient('zendesk', 'Unavailable');
  for (const sender of ['a', 'b']) await circuits.forbidden('zendesk', sender);
  await circuits.open('zendesk', 'Unauthorized');

  expect(await circuit()).toEqual(before);
});
