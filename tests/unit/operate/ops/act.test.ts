import * as z from 'zod';
import type { Job } from '../../../../lib/engine/worker/contract';
import { cancel, discard, retry, settle, whyNot } from '../../../../lib/operate/ops/act';
import { AmbiguousError, VerdictError } from '../../../../lib/platform/errors';
import { campaigns } from '../../../../lib/queues/emails/campaigns/campaign';
import { acceptedRow } from '../../../support/accepted-row';
import { spendReceives } from '../../../support/dead-letters';
import { envelope, jobId, memoryEngine } from '../../../support/engine';
import { inState } from '../../../support/in-state';
import { rejects, sampleEngine, sampleOf } from '../../../support/sample-contract';
import { wholeCampaign } from '../../../support/whole-campaign';

const ID = jobId(1);
const MINUTE = 60_000;
const NOTE = 'audit of-this-test';

/** A queue whose jobs the vendor rejects until a test calls `fix`, or never. */
function start({ broken = false } = {}) {
  const { engine, effects } = sampleEngine(() => {
    if (broken) rejects();
  });
  return {
    ...{ engine, effects, row: () => engine.row(ID), retry: () => retry(engine.deps, engine.row(ID)) },
    /** The row of a queued job. Its message is on its way. */
    accepted: () => engine.deps.ledger.write({ ...acceptedRow(engine.clock.now()), sentAt: engine.clock.now() }, 0),
    fix: () => {
      broken = false;
    },
  };
}

async function dead() {
  const made = start({ broken: true });
  await made.engine.sendAndDeliver(envelope(), { group: 'a-group' });
  return made;
}

test('a cancel of a queued job leaves a record, and its message is acknowledged without effects', async () => {
  const { engine, effects, row, accepted } = start();
  await accepted();
  engine.send(envelope());

  await cancel(engine.deps, row());
  const { batchItemFailures } = await engine.deliver();

  expect([batchItemFailures, effects, engine.inQueue()]).toEqual([[], [], 0]);
  expect(row()).toMatchObject({ state: 'cancelled', reason: 'operator', cancelledBy: NOTE });
  expect(row().history.at(-1)).toMatchObject({ event: 'cancelled (operator)', note: NOTE });
  expect(Object.values(engine.records())).toMatchObject([{ state: 'cancelled', reason: 'operator' }]);
});

test('a cancel is refused while a worker runs the job, but not after its run crashed', async () => {
  const { engine, row } = start();
  const lease = { token: 't', until: engine.clock.now() + MINUTE, messageId: 'm' };
  await engine.deps.ledger.write({ ...acceptedRow(engine.clock.now()), state: inState('processing'), lease }, 0);

  await expect(cancel(engine.deps, row())).rejects.toThrow('is being processed. Wait a few minutes for the outcome');
  engine.clock.advance(MINUTE);
  await cancel(engine.deps, row());

  expect(row().state).toBe('cancelled');
  expect(row()).not.toHaveProperty('lease');
});

test('a cancel of an ended job is refused, and a second one is harmless', async () => {
  const { engine, row, accepted } = start();
  await engine.sendAndDeliver(envelope(2));
  await accepted();

  await cancel(engine.deps, row());
  const once = row();
  await cancel(engine.deps, once);

  expect(row()).toEqual(once);
  const second = cancel(engine.deps, engine.row(jobId(2)));
  await expect(second).rejects.toThrow('is succeeded: only a queued or held job can be cancelled');
});

test('a discard removes the DLQ entry, and row and record show it, once. The job stays dead', async () => {
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
  expect(Object.values(engine.records())).toMatchObject([{ state: 'dead', history: expect.arrayContaining([entry]) }]);
});

test('a discard allows a retry, whose next entry stays in the DLQ', async () => {
  const { engine, row, ...made } = await dead();
  await discard(engine.deps, row());
  await engine.reconcile();

  await made.retry();
  const reopened = row().history.at(-1);
  await engine.deliver();
  await engine.reconcile();

  expect(reopened).toMatchObject({ event: 'reopened (operator)', note: NOTE });
  expect(row()).toMatchObject({ state: 'dead', generation: 2 });
  expect(row()).not.toHaveProperty('leftDlqAt');
  expect(engine.deadLetters()).toHaveLength(1);
});

test('a discard is refused if the row has changed since it was read', async () => {
  const { engine, row, fix, ...made } = await dead();
  const before = row();
  fix();
  await made.retry();
  await engine.deliver();

  await expect(discard(engine.deps, before)).rejects.toThrow('has just changed. Look at it again');
  await expect(discard(engine.deps, row())).rejects.toThrow('is succeeded: only a dead job can be discarded');
});

test('a discard of an end without its record leaves the record to the reconciler: the first write may land late', async () => {
  const { engine, row } = await dead();
  await engine.deps.ledger.update(row().key, ({ recordedAt: _recordedAt, ...now }) => now);
  const version = () => Number(Object.values(engine.records())[0]?.version);
  const before = version();

  await discard(engine.deps, row());
  const during = version();
  await engine.reconcileAfter(6 * MINUTE);

  expect(during).toBe(before);
  expect(version()).toBeGreaterThan(before);
  expect(row()).toMatchObject({ state: 'dead', recordedAt: engine.clock.now() });
});

/** A job with two mails. The vendor never says whether it sent the first. */
async function uncertain() {
  const sent: string[] = [];
  const send = (mail: string) => async () => {
    sent.push(mail);
    if (mail === 'first') throw new AmbiguousError({ code: 'NoAnswer', message: 'no answer' });
    return 'sent';
  };
  const contract = sampleOf({
    schema: z.unknown(),
    process: async (_job: Job<unknown>, { steps }) => {
      await steps.step('first', { run: send('first') });
      await steps.step('second', { run: send('second') });
    },
  });
  const engine = memoryEngine(() => contract);
  const row = () => engine.row(ID);
  const settled = (step: string, as: 'done' | 'skipped') => settle(engine.deps, { row: row(), step, as });
  await engine.sendAndDeliver(envelope());
  return { engine, sent, row, settled };
}

test.each(['done', 'skipped'] as const)(
  'an unknown step that is settled as %s does not run again, and the job goes on',
  async (as) => {
    const { engine, sent, row, settled } = await uncertain();
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

test('a job that ended because its mail was settled as skipped sends it once after a retry', async () => {
  const sent: string[] = [];
  const contract = sampleOf({
    schema: z.unknown(),
    process: async (_job: Job<unknown>, { steps }) => {
      if (steps.peek('send')?.status === 'skipped') throw new VerdictError('cancelled');
      await steps.step('send', {
        run: async () => {
          if (sent.push('mail') === 1) throw new AmbiguousError({ code: 'NoAnswer', message: 'no answer' });
          return 'sent';
        },
      });
    },
  });
  const engine = memoryEngine(() => contract);
  await engine.sendAndDeliver(envelope());
  await settle(engine.deps, { row: engine.row(ID), step: 'send', as: 'skipped' });
  await engine.deliver();
  const ended = engine.row(ID);

  await retry(engine.deps, ended);
  await engine.drain({ hours: 1 });

  expect(ended).toMatchObject({ state: 'cancelled', steps: { send: { status: 'skipped' } } });
  expect(engine.row(ID)).toMatchObject({ state: 'succeeded', steps: { send: { status: 'done' } } });
  expect(sent).toEqual(['mail', 'mail']);
});

test('a part of a cancelled campaign cannot be retried, and the error says what helps', async () => {
  const campaign = jobId(9);
  const { engine, row } = start({ broken: true });
  await engine.sendAndDeliver(envelope(1, { parent: campaign }));
  const store = campaigns(engine.deps);
  await store.start(wholeCampaign(campaign, { startTag: undefined, time: engine.clock.now() }));
  await store.cancel(campaign);

  await expect(retry(engine.deps, row())).rejects.toThrow(`sls campaign report ${campaign} --failed`);
  expect(row().state).toBe('dead');
});

/** A job with two unknown steps after its last attempt. */
async function twoUnknown() {
  const made = await uncertain();
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

test('an unknown step beside another one leaves the job held, and only the other one can be settled', async () => {
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
] as const)('an unknown step beside another one lets the job succeed once %s', async (_who, says) => {
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

test('a retried dead job runs in its old message group, and the reconciler deletes its DLQ entry', async () => {
  const { engine, effects, fix, row, ...made } = await dead();

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
  const events = row().history.map(({ event }) => event);
  expect(events).toEqual(['started', 'dead (error)', 'reopened (operator)', 'started', 'succeeded']);
  expect(engine.deadLetters()).toEqual([]);
  expect(Object.values(engine.records())).toMatchObject([{ state: 'succeeded' }]);
});

test('a dead job whose body is gone cannot be retried, and the error says what helps', async () => {
  const { engine, ...made } = await dead();
  for (const key of engine.objects.keys()) if (key.includes('/_bodies/')) await engine.objects.delete(key);

  await expect(made.retry()).rejects.toThrow(/is dead \(error\) and its body is gone. If it has a DLQ entry, redrive/);
});

/** A job that was cancelled while its message was on its way to a worker. */
async function cancelled() {
  const made = start();
  const { engine, row, accepted } = made;
  await accepted();
  engine.send(envelope(), { of: ID });
  const event = engine.receive();
  await cancel(engine.deps, row());
  return { ...made, event };
}

test('a cancelled job that was queued runs from its own message after a retry', async () => {
  const { engine, effects, event, row, ...made } = await cancelled();

  const { messageId } = await made.retry();
  await engine.handle(event);

  expect(messageId).toBeUndefined();
  expect(effects).toEqual([ID]);
  expect(row()).toMatchObject({ state: 'succeeded', generation: 2 });
});

test('a cancelled job whose message SQS dead-lettered keeps its body when the reconciler judges that message', async () => {
  const { engine, effects, ...made } = await cancelled();
  spendReceives(engine);
  const dead = engine.deadLetters().length;

  await engine.reconcile();
  await made.retry();
  await engine.deliver();

  expect(dead).toBe(1);
  expect(engine.deadLetters()).toEqual([]);
  expect(effects).toEqual([ID]);
});

test('a job that its own run cancelled cannot be retried, because its message is gone and no body is kept', async () => {
  const { engine } = sampleEngine(() => Promise.reject(new VerdictError('cancelled')));
  await engine.sendAndDeliver(envelope());

  await expect(retry(engine.deps, engine.row(ID))).rejects.toThrow(/cancelled \(operator\) and its body is gone/);
});

test.each([
  ['SendgridRejected', undefined],
  ['Superseded', 'only the mail that a succeeded job lacks can be sent'],
])('a mail that was given up for %s can be sent again, unless a later command replaced it', (code, refusal) => {
  const step = { status: 'skipped', startedAt: 1, endedAt: 1, reason: code } as const;
  const row = {
    ...{ ...acceptedRow(1), state: inState('succeeded'), recordedAt: 1, bodyKept: true },
    ...{ without: [{ what: 'notification', code }], steps: { notification: step } },
  };

  const text = whyNot.resend(row);

  expect(text).toEqual(refusal && expect.stringContaining(refusal));
});
