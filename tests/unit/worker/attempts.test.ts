import * as z from 'zod';
import { AmbiguousError, TransientError, WaitError } from '../../../lib/errors';
import type { JobRow } from '../../../lib/jobs/row';
import { resolveStep } from '../../../lib/ops/act';
import { messageType, type QueueContract } from '../../../lib/worker/contract';
import { anEnvelope, type EngineOptions, jobId, memoryEngine } from '../../support/engine';

const MINUTE = 60_000;

/** What a step's call does. `unknown` gets no answer. `unasked` gets none either, also not about itself. */
type Does = 'fails' | 'unknown' | 'unasked' | 'dies' | 'waits' | 'works';

async function act(does: Does): Promise<string> {
  if (does === 'fails') throw new TransientError({ code: 'Down', message: 'down' });
  if (does === 'unknown' || does === 'unasked') throw new AmbiguousError({ code: 'Timeout', message: 'no answer' });
  if (does === 'waits') throw new WaitError({ code: 'Busy', message: 'busy', waitMs: 10 * MINUTE });
  if (does === 'dies') return new Promise<never>(() => {});
  return 'sent';
}

/** A job with two steps. The vendor cannot be asked about `send`, and answers `asked` about `tell`. */
function start({ asked, ...options }: EngineOptions & { asked?: string } = {}) {
  const calls = { send: 0, tell: 0 };
  let next: { send: Does; tell: Does } = { send: 'works', tell: 'works' };
  const contract: QueueContract = {
    queue: 'sample',
    types: {
      'sample.done.v1': messageType({
        schema: z.strictObject({}),
        process: async (_job, { steps }) => {
          const call = (step: 'send' | 'tell') => () => {
            calls[step] += 1;
            return act(next[step]);
          };
          await steps.step('send', { run: call('send'), proven: ({ event }) => `seen as ${event}` });
          const resolve = async () => (next.tell === 'unasked' ? act('fails') : asked);
          await steps.step('tell', { run: call('tell'), resolve });
        },
      }),
    },
  };
  const engine = memoryEngine(() => contract, options);
  engine.send(JSON.stringify(anEnvelope()));
  const row = () => engine.row(jobId(1));

  return {
    engine,
    calls,
    row,
    /** Runs the job once, as soon as it is due. */
    async run(does: Partial<typeof next>): Promise<void> {
      next = { send: 'works', tell: 'works', ...does };
      const runs = () => started(row());
      const before = engine.rows().length === 0 ? 0 : runs();
      for (let minute = 0; minute < 60; minute++) {
        await engine.reconcile();
        // A process that dies never answers.
        void engine.deliver();
        await new Promise(setImmediate);
        if (engine.rows().length > 0 && (runs() > before || row().state === 'dead'))
          return engine.clock.advance(MINUTE);
        engine.clock.advance(MINUTE);
      }
      throw new Error('the job did not run within an hour');
    },
    /** Evidence from the vendor that the step took effect. */
    prove: (step = 'send') =>
      engine.deps.ledger.update(row().key, (now) => ({
        ...now,
        evidence: { ...now.evidence, [step]: { at: engine.clock.now(), event: 'delivered' } },
      })),
  };
}

const started = ({ history }: JobRow): number => history.filter(({ event }) => event === 'started').length;

describe.each([0, 1, 2])('a step that is unknown after %i failed attempts', (before) => {
  async function held() {
    const job = start();
    for (let failed = 0; failed < before; failed++) await job.run({ send: 'fails' });
    await job.run({ send: 'unknown' });
    expect(job.row()).toMatchObject({ state: 'held', reason: 'unknown' });
    return { ...job, sent: job.calls.send };
  }

  test('makes its job a success once evidence proves it', async () => {
    const { prove, run, row, calls, sent } = await held();

    await prove();
    await run({});

    expect(row()).toMatchObject({
      state: 'succeeded',
      steps: { send: { status: 'done', result: 'seen as delivered' } },
    });
    expect(calls).toEqual({ send: sent, tell: 1 });
  });

  test.each(['done', 'skipped'] as const)('makes its job a success once an operator says %s', async (as) => {
    const { engine, run, row, calls, sent } = await held();

    await resolveStep(engine.deps, { row: row(), step: 'send', as });
    await run({});

    expect(row()).toMatchObject({ state: 'succeeded', steps: { send: { status: as } } });
    expect(calls).toEqual({ send: sent, tell: 1 });
  });

  test('counts as no failed attempt, so the later steps have all attempts that are left', async () => {
    const { prove, run, row } = await held();

    await prove();
    for (let failed = before; failed < 3; failed++) await run({ tell: 'fails' });

    expect(row()).toMatchObject({ state: 'dead', reason: 'error', attempts: 3, error: { code: 'Down' } });
  });

  test('and one crash after it do not make the job a poison message', async () => {
    const { prove, run, row } = await held();

    await prove();
    await run({ tell: 'dies' });
    await run({});

    expect(row()).toMatchObject({ state: 'succeeded' });
  });

  test('does not reset the limit for crashes: after two crashes the job is parked', async () => {
    const { prove, run, row, calls } = await held();

    await prove();
    await run({ tell: 'dies' });
    await run({ tell: 'dies' });
    await run({});

    expect(row()).toMatchObject({ state: 'dead', reason: 'crash', error: { code: 'CrashLoop' } });
    expect(calls.tell).toBe(2);
  });

  test('is not called again, no matter how many other messages of its job arrive', async () => {
    const { engine, run, prove, row, calls, sent } = await held();

    for (let copy = 0; copy < 4; copy++) {
      engine.send(JSON.stringify(anEnvelope()), { of: jobId(1) });
      await engine.deliver();
    }
    const unproven = row();
    await prove();
    await run({});

    expect(unproven).toMatchObject({ state: 'held', reason: 'unknown' });
    expect(row()).toMatchObject({ state: 'succeeded' });
    expect(calls.send).toBe(sent);
  });
});

test('a step that had started when the third attempt crashed waits for evidence and is not given up', async () => {
  const { run, prove, row, calls } = start();
  await run({ send: 'fails' });
  await run({ send: 'fails' });
  await run({ send: 'dies' });
  await run({});
  const unproven = row();

  await prove();
  await run({});

  expect(unproven).toMatchObject({ state: 'held', reason: 'unknown' });
  expect(row()).toMatchObject({ state: 'succeeded' });
  expect(calls).toEqual({ send: 7, tell: 1 });
});

test('a job whose third attempt crashed has one more attempt, and ends with the error of that attempt', async () => {
  const { run, row, calls } = start();
  for (const tell of ['fails', 'fails', 'dies', 'fails'] as const) await run({ tell });

  expect(row()).toMatchObject({ state: 'dead', reason: 'error', error: { code: 'Down' } });
  // Each run that fails has two quick retries.
  expect(calls.tell).toBe(3 + 3 + 1 + 3);
});

test('a job that waits between its crashes is parked after the third crash', async () => {
  const { run, row } = start();
  for (const tell of ['dies', 'waits', 'dies', 'waits', 'dies', 'works'] as const) await run({ tell });

  expect(row()).toMatchObject({ state: 'dead', reason: 'crash', error: { code: 'CrashLoop' } });
});

test('the vendor is asked about a last attempt without an answer before the job is parked', async () => {
  const { run, row, calls } = start({ asked: 'told' });
  await run({ tell: 'fails' });
  await run({ tell: 'fails' });
  await run({ tell: 'unasked' });
  const waiting = row();
  await run({});

  expect(waiting).toMatchObject({ state: 'held', reason: 'retry', attempts: 3 });
  expect(row()).toMatchObject({ state: 'succeeded', steps: { tell: { status: 'done', result: 'told' } } });
  expect(calls.tell).toBe(3 + 3 + 1);
});

describe('when the number of attempts changes', () => {
  async function failed(times: number, from: number[]) {
    const job = start({ retryWaits: from });
    for (let n = 0; n < times; n++) await job.run({ tell: 'fails' });
    return job;
  }

  test('to fewer, a job that has used up its attempts runs once more and may succeed', async () => {
    const { engine, run, row } = await failed(2, [60, 900]);

    engine.deps.retryWaits = [60];
    await run({});

    expect(row()).toMatchObject({ state: 'succeeded', attempts: 3 });
  });

  test('to fewer, a job that fails again on its last receive is parked with its error', async () => {
    const { engine, run, row } = await failed(2, [60, 900]);

    engine.deps.retryWaits = [60];
    await run({ tell: 'fails' });

    expect(row().deliveries.at(-1)).toMatchObject({ receiveCount: 3 });
    expect(row()).toMatchObject({ state: 'dead', reason: 'error', attempts: 3, error: { code: 'Down' } });
  });

  test('to fewer, a job far above the new limit is parked when it fails once more', async () => {
    const { engine, run, row, calls } = await failed(
      7,
      Array.from({ length: 9 }, () => 60),
    );
    const before = calls.tell;

    engine.deps.retryWaits = [60];
    await run({ tell: 'dies' });
    await run({ tell: 'fails' });

    expect(row()).toMatchObject({ state: 'dead', reason: 'error', error: { code: 'Down' } });
    expect(calls.tell - before).toBe(1 + 3);
  });

  test('to more, a job goes on, even after its last receive', async () => {
    const { engine, run, row } = await failed(2, [60, 900]);

    engine.deps.retryWaits = [60, 900, 1800];
    await run({ tell: 'fails' });
    const held = row();
    await run({});

    expect(held).toMatchObject({ state: 'held', reason: 'retry', attempts: 3 });
    expect(row()).toMatchObject({ state: 'succeeded', attempts: 4 });
  });
});
