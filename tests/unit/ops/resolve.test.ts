import * as z from 'zod';
import { AmbiguousError } from '../../../lib/errors';
import type { Evidence } from '../../../lib/jobs/row';
import { settle } from '../../../lib/ops/act';
import type { Job } from '../../../lib/worker/contract';
import { anEnvelope, type EngineOptions, jobId, memoryEngine } from '../../support/engine';
import { outage } from '../../support/faults';
import { inState } from '../../support/in-state';
import { sampleOf } from '../../support/sample-contract';

/** A job with two mails. For those in `lost`, the vendor never says whether it sent them. */
function uncertain(
  lost: string[],
  { proven, ...options }: EngineOptions & { proven?: (evidence: Evidence) => string } = {},
) {
  const sent: string[] = [];
  const send = (mail: string) => async () => {
    sent.push(mail);
    if (lost.includes(mail)) throw new AmbiguousError({ code: 'NoAnswer', message: 'no answer' });
    return 'sent';
  };
  const contract = sampleOf({
    schema: z.unknown(),
    process: async (_job: Job<unknown>, { steps }) => {
      await steps.step('first', { run: send('first'), ...(proven ? { proven } : {}) });
      await steps.step('second', { run: send('second') });
    },
  });
  const engine = memoryEngine(() => contract, options);
  engine.send(JSON.stringify(anEnvelope()));
  return { engine, sent, row: () => engine.row(jobId(1)) };
}

test.each(['done', 'skipped'] as const)(
  'a step that is resolved as %s does not run again, and the job continues',
  async (as) => {
    const { engine, sent, row } = uncertain(['first']);
    await engine.deliver();
    const held = row();

    const resolved = await settle(engine.deps, { row: held, step: 'first', as });
    await engine.deliver();

    expect(held).toMatchObject({ state: 'held', reason: 'unknown' });
    expect(resolved.state).toBe('queued');
    expect(sent).toEqual(['first', 'second']);
    expect(row()).toMatchObject({ state: 'succeeded', steps: { first: { status: as } } });
    expect(row().history.map(({ event }) => event)).toContain(`first settled as ${as} (operator)`);
  },
);

test("a step's result is made from the operator's evidence. The job is held again if its next step becomes unknown", async () => {
  const { engine, sent, row } = uncertain(['first', 'second'], { proven: ({ event }) => `seen by ${event}` });
  await engine.deliver();

  await settle(engine.deps, { row: row(), step: 'first', as: 'done' });
  await engine.deliver();
  await settle(engine.deps, { row: row(), step: 'second', as: 'done' });
  await engine.deliver();

  expect(sent).toEqual(['first', 'second']);
  const first = { status: 'done', result: 'seen by operator' };
  expect(row()).toMatchObject({ state: 'succeeded', holds: 2, steps: { first } });
});

describe('with another step unknown', () => {
  /** A job with two unknown steps after its last attempt. */
  async function twoUnknown() {
    const job = uncertain(['first']);
    await job.engine.deliver();
    const step = { status: 'unknown' as const, startedAt: 1 };
    await job.engine.deps.ledger.update(job.row().key, (now) => ({
      ...now,
      attempts: 3,
      steps: { ...now.steps, second: step },
    }));
    const prove = (name: string) =>
      job.engine.deps.ledger.update(job.row().key, (now) => ({
        ...now,
        evidence: { ...now.evidence, [name]: { at: job.engine.clock.now(), event: 'delivered' } },
      }));
    return { ...job, prove };
  }

  test('the job stays held, and only the other step can be settled', async () => {
    const { engine, row } = await twoUnknown();

    const resolved = await settle(engine.deps, { row: row(), step: 'first', as: 'done' });
    const again = settle(engine.deps, { row: row(), step: 'first', as: 'skipped' });

    await expect(again).rejects.toThrow('has no unknown step first. --step must be second');
    await engine.drain({ hours: 1 });
    expect(resolved).toMatchObject({ state: 'held', reason: 'unknown' });
    expect(row()).toMatchObject({ state: 'held', reason: 'unknown' });
    expect(engine.inQueue()).toBe(0);
  });

  test.each([
    ['evidence arrives for both', ['proven', 'proven']],
    ['evidence arrives for one, and an operator resolves the other', ['proven', 'done']],
    ['an operator resolves one, and evidence arrives for the other', ['done', 'proven']],
    ['an operator skips one, and evidence arrives for the other', ['skipped', 'proven']],
    ['an operator resolves both', ['skipped', 'done']],
  ] as const)('the job succeeds once %s', async (_who, says) => {
    const { engine, sent, row, prove } = await twoUnknown();
    const states: string[] = [];

    for (const [index, said] of says.entries()) {
      const step = index === 0 ? 'first' : 'second';
      if (said === 'proven') await prove(step);
      else await settle(engine.deps, { row: row(), step, as: said });
      await engine.drain({ hours: 1 });
      states.push(row().state);
    }

    expect(states).toEqual(['held', 'succeeded']);
    expect(sent).toEqual(['first']);
  });
});

test('the reconciler sends the job if the command could not', async () => {
  const store = outage('queues.send', { down: false });
  const { engine, sent, row } = uncertain(['first'], store);
  await engine.deliver();

  store.down = true;
  await expect(settle(engine.deps, { row: row(), step: 'first', as: 'done' })).rejects.toThrow('is down');
  store.down = false;
  engine.clock.advance(2 * 60_000);
  await engine.reconcile();
  await engine.deliver();

  expect(sent).toEqual(['first', 'second']);
  expect(row().state).toBe('succeeded');
});

test('only an unknown step of a held job can be settled, and the error names that step', async () => {
  const { engine, row } = uncertain(['first']);
  await engine.deliver();
  const held = row();

  await expect(settle(engine.deps, { row: held, step: 'frist', as: 'done' })).rejects.toThrow(
    'has no unknown step frist. --step must be first',
  );
  await expect(
    settle(engine.deps, { row: { ...held, state: inState('succeeded') }, step: 'first', as: 'done' }),
  ).rejects.toThrow('only a step of a held (unknown) job can be settled');
});
