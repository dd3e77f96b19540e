import * as z from 'zod';
import { sha256 } from '../../../../lib/engine/jobs/envelope';
import { vendorKey } from '../../../../lib/engine/jobs/keys';
import { CLOCK_SKEW_MS } from '../../../../lib/engine/jobs/row';
import {
  type Circuit,
  type CircuitBreakers,
  circuitBreakers,
  isHalfOpen,
  isOpen,
  nextTrialAt,
  type OpenCircuit,
  TRUSTED_MS,
  workedForOthers,
} from '../../../../lib/engine/worker/circuit';
import type { RunContext } from '../../../../lib/engine/worker/contract';
import { vendorGate } from '../../../../lib/engine/worker/gate';
import {
  AmbiguousError,
  FilteredError,
  PermanentError,
  StopError,
  StoreError,
  TransientError,
  WaitError,
} from '../../../../lib/platform/errors';
import type { ItemHead } from '../../../../lib/platform/ports';
import { envelope, jobId, memoryEngine, watch } from '../../../support/engine';
import { memoryClock, memoryRandom } from '../../../support/memory-clock';
import { memoryTable } from '../../../support/memory-table';
import { sampleEngine, sampleOf } from '../../../support/sample-contract';

const MINUTE_MS = 60_000;
const about = { message: 'no', vendor: 'zendesk' } as const;
const unavailable = () => new TransientError({ ...about, code: 'Unavailable', status: 503 });
const unauthorized = () => new StopError({ ...about, code: 'Unauthorized', status: 401 });

test('five transient failures without a success between open the circuit, and a success resets the count', async () => {
  let working = false;
  const { engine } = sampleEngine(() => {
    if (!working) throw unavailable();
  });
  const next = (n: number) => engine.sendAndDeliver(envelope(n), { group: `g${n}` });

  for (const n of [1, 2, 3, 4]) await next(n);
  working = true;
  await next(5);
  working = false;
  for (const n of [6, 7, 8, 9]) await next(n);
  const afterNine = engine.table.item(vendorKey('zendesk'))?.stoppedAt;
  await next(10);
  await next(11);

  expect(afterNine).toBeUndefined();
  expect(engine.table.item(vendorKey('zendesk'))?.stoppedAt).toBeDefined();
  expect(engine.row(jobId(11))).toMatchObject({ state: 'held', reason: 'stopped', attempts: 0 });
});

test('of few jobs, two failed attempts without a success for ten minutes are told, before five open the circuit', async () => {
  let working = false;
  const { engine } = sampleEngine(() => {
    if (!working) throw unavailable();
  });
  const told = () => engine.facts.map(({ fact, subject, code, on }) => [fact, subject, code, on]);
  const FAILS = ['circuit-open', 'zendesk', 'VendorDown'];
  const pass = async (minutes: number) => {
    engine.clock.advance(minutes * MINUTE_MS);
    await engine.reconcile();
  };

  await engine.sendAndDeliver(envelope(1), { group: 'g1' });
  await pass(11);
  // One failure may be the job's own fault.
  expect(told()).toEqual([]);
  await engine.sendAndDeliver(envelope(2), { group: 'g2' });
  await pass(1);
  expect(told()).toEqual([[...FAILS, true]]);
  expect(engine.table.item(vendorKey('zendesk'))?.stoppedAt).toBeUndefined();

  working = true;
  await engine.sendAndDeliver(envelope(3), { group: 'g3' });
  for (let n = 0; n < 4; n++) await pass(6);
  expect(told()).toEqual([
    [...FAILS, true],
    [...FAILS, false],
  ]);
});

/** Runs a job of each of these senders. The vendor refuses them all. Answers how each job ended. */
async function refused(senders: string[]) {
  const forbidden = new PermanentError({ code: 'Forbidden', message: '', vendor: 'sendgrid', status: 403 });
  const contract = sampleOf({
    schema: z.strictObject({ from: z.string() }),
    process: ({ data: { from } }, { vendor }) =>
      vendor('sendgrid', () => Promise.reject(forbidden), { identity: from }),
  });
  const engine = memoryEngine(() => contract);
  const ends: string[] = [];
  for (const [n, from] of senders.entries()) {
    await engine.sendAndDeliver(envelope(n, { data: { from } }), { group: `g${n}` });
    const { state, reason } = engine.row(jobId(n));
    ends.push(`${state} ${reason}`);
  }
  return { ends, circuit: engine.table.item(vendorKey('sendgrid')) };
}

test('the circuit opens when the vendor refuses two senders, and stores them as short hashes', async () => {
  const senders = ['a@example.com', 'b@example.com'];

  const { ends, circuit } = await refused(senders);

  expect(ends).toEqual(['dead error', 'held stopped']);
  const forbidden = senders.map((sender) => sha256(sender).slice(0, 16));
  expect(circuit).toMatchObject({ stoppedAt: expect.any(Number), code: 'Forbidden', forbidden });
});

test('when its key loses its scope, an instance with one sender parks fewer than fifty jobs', async () => {
  const { ends } = await refused(Array(500).fill('only@example.com'));

  expect(ends.filter((end) => end === 'dead error')).toHaveLength(49);
  expect(ends.filter((end) => end === 'held stopped')).toHaveLength(451);
});

test.each([
  ['lets a harmless call through', async () => {}, Array(49).fill('dead error')],
  ['refuses a harmless call too', () => Promise.reject(filtered()), ['dead error', ...Array(48).fill('held stopped')]],
])('a firewall that refuses the words of 49 jobs, and %s', async (_what, sendgrid, ends) => {
  const process = (_job: unknown, { vendor }: RunContext) => vendor('sendgrid', () => Promise.reject(filtered()));
  const contract = { ...sampleOf({ schema: z.unknown(), process }), probes: { sendgrid } };
  const engine = memoryEngine(() => contract);
  for (let n = 1; n < 50; n++) await engine.sendAndDeliver(envelope(n), { group: `g${n}` });

  expect(engine.rows().map(({ state, reason }) => `${state} ${reason}`)).toEqual(ends);
});

function filtered() {
  return new FilteredError({ code: 'Forbidden', message: '', vendor: 'sendgrid', status: 403 });
}

/** A vendor that refused us a minute ago. `answer` is what it answers from now on. */
async function halfOpen(answer: (context: RunContext) => Promise<unknown> | unknown = () => 'done') {
  let calls = 0;
  const { engine, effects } = sampleEngine((_job, context) => {
    calls++;
    return answer(context);
  });
  await engine.deps.circuits.open('zendesk', 'Unauthorized');
  engine.clock.advance(MINUTE_MS);
  return {
    engine,
    effects,
    calls: () => calls,
    circuit: () => engine.table.item(vendorKey('zendesk')) as ItemHead | undefined as Circuit | undefined,
    send: (...numbers: number[]) => {
      for (const n of numbers) engine.send(envelope(n), { group: `g${n}` });
    },
    states: () => engine.rows().map(({ state, reason }) => (reason ? `${state} ${reason}` : state)),
  };
}

test('if two workers want the trial call at the same time, one calls and the other holds its job', async () => {
  const { engine, calls, send, states, circuit } = await halfOpen(async ({ now }) => now());
  send(1, 2);

  const events = [engine.receive(1), engine.receive(1)];
  await Promise.all(events.map((event) => engine.handle(event)));

  expect(calls()).toBe(1);
  expect(states().toSorted()).toEqual(['held stopped', 'succeeded']);
  expect(circuit()).toMatchObject({ forbidden: [], transients: 0 });
  expect(circuit()?.stoppedAt).toBeUndefined();
});

test.each([
  ['is refused', unauthorized],
  ['finds the vendor down', unavailable],
  ['gets no answer', () => new AmbiguousError({ ...about, code: 'Timeout' })],
  ['gets a bare 403', () => new PermanentError({ ...about, code: 'Forbidden', status: 403 })],
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
  expect(circuit()).toMatchObject({ stoppedAt: expect.any(Number), retryAt: engine.clock.now() + 1 });
  expect(circuit()?.trial).toBeUndefined();
  const ends = engine.rows().map(({ state, reason, attempts }) => [state, reason, attempts]);
  expect(ends).toEqual(Array(4).fill(['held', 'stopped', 0]));
});

test('the pauses between trial calls that fail grow to five minutes, and an operator may end each at once', async () => {
  const { engine, circuit } = await halfOpen();
  const { circuits, clock } = engine.deps;
  const pauses: number[] = [];
  for (let n = 0; n < 5; n++) {
    await circuits.endTrial('zendesk', { failed: 'Unavailable' });
    pauses.push((nextTrialAt(circuit() as Circuit, clock.now()) ?? 0) - clock.now());
  }
  const worker = { now: () => clock.now() - CLOCK_SKEW_MS };
  await circuits.tryNow('zendesk');

  expect(pauses.map((ms) => ms / MINUTE_MS)).toEqual([2, 4, 5, 5, 5]);
  // Also for a worker whose clock is behind.
  expect(isHalfOpen(circuit() as OpenCircuit, worker.now())).toBe(true);
  expect((await circuits.enter('zendesk', clock.now() + 1)).trial).toBe(true);
  expect(nextTrialAt(circuit() as Circuit, clock.now())).toBe(clock.now() + 1);
});

test('the code of a circuit is what the vendor answers now, and a turn from down to a refusal and back is told', async () => {
  const { engine, circuit, send } = await halfOpen(() => {
    throw answers.shift();
  });
  const refuses = () => new StopError({ code: 'ZendeskUnauthorized', message: '401', vendor: 'zendesk', status: 401 });
  const down = (code: string) => new TransientError({ code, message: 'no', vendor: 'zendesk' });
  const answers = [down('ZendeskUnavailable'), down('ZendeskTimeout'), refuses(), down('ZendeskUnavailable')];
  const codes: (string | undefined)[] = [];
  send(1, 2);
  await engine.work();
  codes.push(circuit()?.code);
  while (answers.length > 0) {
    await engine.reconcileAfter(6 * MINUTE_MS);
    await engine.work();
    codes.push(circuit()?.code);
  }
  await engine.reconcile();

  expect(codes).toEqual(['ZendeskUnavailable', 'ZendeskTimeout', 'ZendeskUnauthorized', 'ZendeskUnavailable']);
  const told = engine.facts.filter(({ on }) => on).map(({ code }) => code);
  expect(told).toEqual(['VendorDown', 'VendorRefuses', 'VendorDown']);
  // All jobs of the outage have one code, and the histories have what the vendor answered.
  expect(engine.rows().map(({ error }) => error?.code)).toEqual(['VendorStopped', 'VendorStopped']);
  const answered = engine.rows().flatMap(({ history }) => history.flatMap(({ error }) => error?.code ?? []));
  expect([...new Set(answered)]).toEqual(expect.arrayContaining(['ZendeskTimeout', 'ZendeskUnauthorized']));
});

const wait = { message: 'wait', waitMs: 10 * MINUTE_MS };
const rejected = (about: { status: number; field?: string }) =>
  new PermanentError({ code: 'Rejected', message: 'no', vendor: 'zendesk', ...about });

test.each([
  ['that says that the job is wrong', rejected({ status: 422 }), 'dead error'],
  ["that says that the job's sender is wrong", rejected({ status: 403, field: 'from' }), 'dead error'],
  ['that asks us to wait', new WaitError({ ...about, ...wait, code: 'Throttled', status: 429 }), 'held throttled'],
  ['that is never made,', new WaitError({ ...wait, code: 'NoRateSlot' }), 'held throttled'],
])('a trial call %s is no failure: the next job calls the vendor, and the circuit closes', async (...given) => {
  const [, error, state] = given;
  let answers = 0;
  const { engine, effects, send, states, circuit } = await halfOpen(() => {
    if (answers++ === 0) throw error;
  });
  send(1, 2);
  await engine.deliver(1);
  await engine.deliver(1);

  expect(states()).toEqual([state, 'succeeded']);
  expect(effects).toEqual([jobId(2)]);
  expect(circuit()).toMatchObject({ forbidden: [], transients: 0 });
  expect(circuit()?.stoppedAt).toBeUndefined();
});

test('calls that were already running when the circuit opened do not postpone the trial call', async () => {
  const { engine, circuit } = await halfOpen();
  const before = circuit();
  const { circuits } = engine.deps;
  for (let call = 0; call < 6; call++) await circuits.transient('zendesk', 'Unavailable');
  for (const sender of ['a', 'b']) await circuits.forbidden('zendesk', sender);
  await circuits.open('zendesk', 'Unauthorized');

  expect(circuit()).toEqual(before);
});

test('a call that took effect stays done even if the circuit cannot be closed after it', async () => {
  let failing = 0;
  // The three tries of the write after the call fail, which is the circuit's. The job's own writes work again after it.
  const { engine, effects } = sampleEngine(
    () => {
      failing = 3;
    },
    {
      before: (call) => {
        if (call === 'table.put' && failing-- > 0) throw new StoreError({ code: 'Down', message: 'down' });
      },
    },
  );
  await engine.deps.circuits.transient('zendesk', 'Unavailable');

  await engine.sendAndDeliver(envelope());

  expect(effects).toEqual([jobId(1)]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', steps: { effect: { status: 'done' } } });
});

test.each([
  ['clearly later', 'other', 2_001, true],
  ['later by no more than two clocks differ', 'other', 2_000, false],
  ['for the job itself', 'job', 9_000, false],
])('a vendor that worked %s shows whether the job is the cause', (_when, job, after, expected) => {
  const circuit = { worked: [{ job, at: 10_000 + after }] } as Circuit;

  expect(workedForOthers(circuit, { job: 'job', since: 10_000 })).toBe(expected);
});

/** Two processes that share one table. `reads`: those of both. */
function twoProcesses() {
  const clock = memoryClock();
  let held: Promise<void> | undefined;
  let lost = false;
  const table = watch(memoryTable(), 'table', {
    after: async (call) => {
      if (call === 'table.put' && lost) throw new StoreError({ code: 'NoAnswer', message: 'no answer' });
      const until = held;
      held = undefined;
      await until;
    },
  });
  const start = () => circuitBreakers({ table, clock, random: memoryRandom() });
  const one = start();
  const enter = async (circuits: CircuitBreakers) => {
    const { circuit, trial } = await circuits.enter('zendesk', clock.now() + 45_000);
    return isOpen(circuit) && !trial ? 'refused' : 'calls';
  };
  return {
    clock,
    ...{ one, other: start(), enter },
    /** Makes a call in a run of the process `one`. */
    call: vendorGate(
      { circuits: one, clock, metrics: { add: () => {}, flush: async () => {} } },
      { job: 'job', until: clock.now() + 45_000 },
    ).call,
    reads: jest.spyOn(table, 'get'),
    loseAnswers() {
      lost = true;
    },
    /** The answer of the next read waits until the test calls the function that this returns. */
    holdAnswer() {
      let release = () => {};
      held = new Promise<void>((resolve) => {
        release = resolve;
      });
      return () => release();
    },
  };
}

test.each([
  ['two seconds before its answer', 'other', TRUSTED_MS],
  ['before the failure of its own process', 'one', 0],
] as const)('a read that began %s is not kept', async (_when, failing, ms) => {
  const { one, other, enter, clock, holdAnswer } = twoProcesses();
  const answerNow = holdAnswer();
  const entering = enter(one);
  clock.advance(ms);
  await { one, other }[failing].open('zendesk', 'Unauthorized');
  answerNow();
  await entering;

  expect(await enter(one)).toBe('refused');
});

test('if the answer to the write of a failure is lost, the process reads the circuit before its next call', async () => {
  const { one, enter, loseAnswers } = twoProcesses();
  await enter(one);
  loseAnswers();
  await expect(one.open('zendesk', 'Unauthorized')).rejects.toThrow('no answer');

  expect(await enter(one)).toBe('refused');
});

test('a circuit that counts failures is read before each call', async () => {
  const { one, other, enter, reads } = twoProcesses();
  await other.transient('zendesk', 'Unavailable');
  reads.mockClear();
  await enter(one);
  await enter(one);

  expect(reads).toHaveBeenCalledTimes(2);
});

test('an open circuit is never kept, so each of two processes sees who makes the trial call', async () => {
  const { one, other, enter, clock, call } = twoProcesses();
  await enter(other);
  await expect(call('zendesk', () => Promise.reject(unauthorized()))).rejects.toThrow('no');
  clock.advance(MINUTE_MS);

  expect([await enter(one), await enter(other), await enter(one)]).toEqual(['calls', 'refused', 'refused']);
  await other.close('zendesk', 'job');
  expect(await enter(one)).toBe('calls');
});
