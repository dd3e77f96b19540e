import * as z from 'zod';
import { AmbiguousError } from '../../../lib/errors';
import type { Evidence } from '../../../lib/jobs/row';
import { cancel, discard, retry, settle } from '../../../lib/ops/act';
import type { Job } from '../../../lib/worker/contract';
import { acceptedRow } from '../../support/accepted-row';
import { envelope, jobId, memoryEngine } from '../../support/engine';
import { inState } from '../../support/in-state';
import { rejects, sampleEngine, sampleOf } from '../../support/sample-contract';

const ID = jobId(1);
const MINUTE = 60_000;
const NOTE = 'audit the-audit';

function sample(effect?: () => void) {
  const made = sampleEngine(effect);
  made.engine.deps.audit = 'the-audit';
  return { ...made, row: () => made.engine.row(ID) };
}

describe('a cancel', () => {
  test('of a queued job leaves a record, and its message is acknowledged without effects', async () => {
    const { engine, effects, row } = sample();
    await engine.deps.ledger.write({ ...acceptedRow(engine.clock.now()), sentAt: engine.clock.now() }, 0);
    engine.send(envelope());

    await cancel(engine.deps, row());
    const { batchItemFailures } = await engine.deliver();

    expect([batchItemFailures, effects, engine.inQueue()]).toEqual([[], [], 0]);
    expect(row()).toMatchObject({ state: 'cancelled', reason: 'operator', cancelledBy: NOTE });
    expect(row().history.at(-1)).toMatchObject({ event: 'cancelled (operator)', note: NOTE });
    expect(Object.values(engine.records())).toMatchObject([{ state: 'cancelled', reason: 'operator' }]);
  });

  test('is refused while a worker runs the job, but not after its run crashed', async () => {
    const { engine, row } = sample();
    const lease = { token: 't', until: engine.clock.now() + MINUTE, messageId: 'm', alone: true };
    await engine.deps.ledger.write({ ...acceptedRow(engine.clock.now()), state: inState('processing'), lease }, 0);

    await expect(cancel(engine.deps, row())).rejects.toThrow('is being processed. Wait a few minutes for the outcome');
    engine.clock.advance(MINUTE);
    await cancel(engine.deps, row());

    expect(row().state).toBe('cancelled');
    expect(row()).not.toHaveProperty('lease');
  });

  test('of an ended job is refused, and a second one is harmless', async () => {
    const { engine, row } = sample();
    await engine.sendAndDeliver(envelope(2));
    await engine.deps.ledger.write(acceptedRow(engine.clock.now()), 0);

    await cancel(engine.deps, row());
    const once = row();
    await cancel(engine.deps, once);

    expect(row()).toEqual(once);
    await expect(cancel(engine.deps, engine.row(jobId(2)))).rejects.toThrow(
      'is succeeded: only a queued or held job can be cancelled',
    );
  });
});

describe('a discard', () => {
  async function dead() {
    let broken = true;
    const made = sample(() => {
      if (broken) rejects();
    });
    await made.engine.sendAndDeliver(envelope());
    const fix = () => {
      broken = false;
    };
    return { ...made, fix };
  }

  test('removes the DLQ entry, and row and record show it, once. The job stays dead', async () => {
    const { engine, row } = await dead();

    await discard(engine.deps, row());
    const once = row();
    await discard(engine.deps, row());
    expect(row()).toEqual(once);
    await engine.reconcile();

    const now = engine.clock.now();
    expect(engine.deadLetters()).toEqual([]);
    expect(row()).toMatchObject({ state: 'dead', leftDlqAt: now, recordedAt: now });
    const entry = expect.objectContaining({ event: 'DLQ entry discarded (operator)', note: NOTE });
    expect(Object.values(engine.records())).toMatchObject([
      { state: 'dead', history: expect.arrayContaining([entry]) },
    ]);
  });

  test('allows a retry, whose next entry stays in the DLQ', async () => {
    const { engine, row } = await dead();
    await discard(engine.deps, row());
    await engine.reconcile();

    await retry(engine.deps, row());
    const reopened = row().history.at(-1);
    await engine.deliver();
    await engine.reconcile();

    expect(reopened).toMatchObject({ event: 'reopened (operator)', note: NOTE });
    expect(row()).toMatchObject({ state: 'dead', generation: 2 });
    expect(row()).not.toHaveProperty('leftDlqAt');
    expect(engine.deadLetters()).toHaveLength(1);
  });

  test('is refused if the row has changed since it was read', async () => {
    const { engine, row, fix } = await dead();
    const before = row();
    fix();
    await retry(engine.deps, before);
    await engine.deliver();

    await expect(discard(engine.deps, before)).rejects.toThrow('has just changed. Look at it again');
    await expect(discard(engine.deps, row())).rejects.toThrow('is succeeded: only a dead job has a DLQ entry');
  });

  test('of an end without its record leaves the record to the reconciler: the first write may land late', async () => {
    const { engine, row } = await dead();
    await engine.deps.ledger.update(row().key, ({ recordedAt: _recordedAt, ...now }) => now);
    const version = () => Number(Object.values(engine.records())[0]?.version);
    const before = version();

    await discard(engine.deps, row());
    const during = version();
    engine.clock.advance(6 * MINUTE);
    await engine.reconcile();

    expect(during).toBe(before);
    expect(version()).toBeGreaterThan(before);
    expect(row()).toMatchObject({ state: 'dead', recordedAt: engine.clock.now() });
  });
});

describe('an unknown step', () => {
  /** A job with two mails. For those in `lost`, the vendor never says whether it sent them. */
  async function uncertain(lost: string[], proven?: (evidence: Evidence) => string) {
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
    const engine = memoryEngine(() => contract);
    engine.deps.audit = 'the-audit';
    const row = () => engine.row(ID);
    const settled = (step: string, as: 'done' | 'skipped') => settle(engine.deps, { row: row(), step, as });
    await engine.sendAndDeliver(envelope());
    return { engine, sent, row, settled };
  }

  test.each(['done', 'skipped'] as const)(
    'that is settled as %s does not run again, and the job goes on',
    async (as) => {
      const { engine, sent, row, settled } = await uncertain(['first']);
      const held = row();

      const after = await settled('first', as);
      await engine.deliver();

      expect(held).toMatchObject({ state: 'held', reason: 'unknown' });
      expect(after.state).toBe('queued');
      expect(sent).toEqual(['first', 'second']);
      expect(row()).toMatchObject({ state: 'succeeded', steps: { first: { status: as } } });
      const entry = expect.objectContaining({ event: `first settled as ${as} (operator)`, note: NOTE });
      expect(row().history).toContainEqual(entry);
    },
  );

  /** A job with two unknown steps after its last attempt. */
  async function twoUnknown() {
    const made = await uncertain(['first']);
    const { clock, deps } = made.engine;
    const second = { status: 'unknown' as const, startedAt: 1 };
    await deps.ledger.update(made.row().key, (now) => ({ ...now, attempts: 3, steps: { ...now.steps, second } }));
    const prove = (name: string) =>
      deps.ledger.update(made.row().key, (now) => ({
        ...now,
        evidence: { ...now.evidence, [name]: { at: clock.now(), event: 'delivered' } },
      }));
    return { ...made, prove };
  }

  test('beside another one leaves the job held, and only the other one can be settled', async () => {
    const { engine, row, settled } = await twoUnknown();

    await settled('first', 'done');
    await expect(settled('first', 'skipped')).rejects.toThrow('has no unknown step first. --step must be second');
    await engine.drain({ hours: 1 });

    expect(row()).toMatchObject({ state: 'held', reason: 'unknown' });
    expect(engine.inQueue()).toBe(0);
  });

  test.each([
    ['evidence arrives for both', ['proven', 'proven']],
    ['evidence arrives for one, and an operator settles the other', ['proven', 'done']],
    ['an operator settles one, and evidence arrives for the other', ['done', 'proven']],
    ['an operator skips one, and evidence arrives for the other', ['skipped', 'proven']],
    ['an operator settles both', ['skipped', 'done']],
  ] as const)('beside another one lets the job succeed once %s', async (_who, says) => {
    const { engine, sent, row, prove, settled } = await twoUnknown();
    const states: string[] = [];

    for (const [index, said] of says.entries()) {
      const step = index === 0 ? 'first' : 'second';
      await (said === 'proven' ? prove(step) : settled(step, said));
      await engine.drain({ hours: 1 });
      states.push(row().state);
    }

    expect(states).toEqual(['held', 'succeeded']);
    expect(sent).toEqual(['first']);
  });

  test('is named if an operator names another one, and belongs to a held job', async () => {
    const { engine, row, settled } = await uncertain(['first']);
    const succeeded = { ...row(), state: inState('succeeded') };

    await expect(settled('frist', 'done')).rejects.toThrow('has no unknown step frist. --step must be first');
    await expect(settle(engine.deps, { row: succeeded, step: 'first', as: 'done' })).rejects.toThrow(
      'only a step of a held (unknown) job can be settled',
    );
  });
});
