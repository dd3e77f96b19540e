import { bodyKey, jobKey } from '../../../../lib/engine/jobs/keys';
import { GONE, keepBody } from '../../../../lib/engine/jobs/messages';
import { cancel as cancelled } from '../../../../lib/engine/jobs/transitions';
import { cancel, retry } from '../../../../lib/operate/ops/act';
import { PermanentError, StoreError, TransientError } from '../../../../lib/platform/errors';
import { type Engine, envelope, jobId, PREFIX } from '../../../support/engine';
import { outage } from '../../../support/faults';
import { createKills } from '../../../support/kills';
import { rejects, sampleEngine } from '../../../support/sample-contract';

const refused = () => new TransientError({ code: 'Refused', message: 'refused' });

test('a job that succeeds ends with a row, one record in the hour of its time, and no message', async () => {
  const { engine, effects } = sampleEngine();
  const messageId = engine.send(envelope());

  const response = await engine.deliver();

  expect(response).toEqual({ batchItemFailures: [] });
  expect(effects).toEqual([jobId(1)]);
  expect(engine.row(jobId(1))).toMatchObject({
    state: 'succeeded',
    attempts: 1,
    result: 'done',
    steps: { effect: { status: 'done', result: 'done' } },
    group: 'g',
    deliveries: [{ messageId, receiveCount: 1 }],
  });
  expect(engine.row(jobId(1)).lease).toBeUndefined();
  expect(engine.records()).toMatchObject({
    [`jobs/sample/year=2026/month=01/day=02/hour=03/${jobId(1)}.json`]: {
      state: 'succeeded',
      deliveries: [{ messageId }],
      time: '2026-01-02T03:04:05.000Z',
    },
  });
  expect(engine.inQueue()).toBe(0);
});

test('when nothing can be written, the message comes back after 15 minutes and loses no attempt', async () => {
  const store = outage('table');
  const { engine, effects } = sampleEngine(() => 'done', store);
  const messageId = engine.send(envelope());

  const response = await engine.deliver();
  const back = (engine.model.nextChangeAt('my-sample.fifo') ?? 0) - engine.clock.now();
  store.down = false;
  engine.clock.advance(back);
  await engine.deliver();

  expect(response).toEqual({ batchItemFailures: [{ itemIdentifier: messageId }] });
  expect(back).toBe(900_000);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', attempts: 1 });
  expect(effects).toEqual([jobId(1)]);
});

/** An engine whose table refuses every call from the call `from` on, for `ms`. */
function refusesAfter(from: number, ms: number) {
  let calls = 0;
  let until = 0;
  const sample = sampleEngine(() => 'done', {
    before: (call) => {
      if (!call.startsWith('table.')) return;
      const now = sample.engine.clock.now();
      if (calls++ === from) until = now + ms;
      if (now < until) throw new StoreError({ code: 'Refused', message: 'refused' });
    },
  });
  return sample;
}

/** Delivers whenever SQS shows the message again, and returns how long the job took. */
async function untilDone(engine: Engine): Promise<number> {
  const sentAt = engine.clock.now();
  for (let delivery = 0; engine.inQueue() > 0 && delivery < 10; delivery++) {
    await engine.deliver();
    const next = engine.model.nextChangeAt('my-sample.fifo');
    if (next !== undefined) engine.clock.advance(Math.max(0, next - engine.clock.now()));
  }
  return (engine.row(jobId(1)).endedAt ?? Number.POSITIVE_INFINITY) - sentAt;
}

const CALLS = [0, 1, 2, 3, 4, 5, 6];
test.each([
  ...CALLS.map((from) => ({ what: `calls from number ${from} on for a second`, from, ms: 1_000 })),
  ...CALLS.map((from) => ({ what: `calls from number ${from} on for four seconds`, from, ms: 4_000 })),
])('if the table refuses $what, the job is done once, and soon', async ({ from, ms }) => {
  const { engine, effects } = refusesAfter(from, ms);
  engine.send(envelope());

  const tookMs = await untilDone(engine);

  expect(effects).toEqual([jobId(1)]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', attempts: 1, crashes: 0 });
  expect(tookMs).toBeLessThan(90_000);
});

test('while the bucket fails, a refused job asks its vendor once a delivery, and comes back after 15 minutes', async () => {
  let asked = 0;
  const { engine } = sampleEngine(
    () => {
      asked++;
      rejects();
    },
    {
      before: (call) => {
        if (call === 'objects.put') throw new StoreError({ code: 'S3.SlowDown', message: 'the bucket is down' });
      },
    },
  );

  const response = await engine.sendAndDeliver(envelope());

  expect(response.batchItemFailures).toHaveLength(1);
  expect(asked).toBe(1);
  expect((engine.model.nextChangeAt('my-sample.fifo') ?? 0) - engine.clock.now()).toBe(900_000);
});

test('the deadline leaves messages untouched that could not be finished in time', async () => {
  const { engine, effects } = sampleEngine(() => 'done', { timeoutMs: 400 });

  const response = await engine.sendAndDeliver(envelope());

  expect(response.batchItemFailures).toHaveLength(1);
  expect(effects).toEqual([]);
  expect(engine.rows()).toEqual([]);
});

test('a row may carry an attribute of a newer release, whatever its name is', async () => {
  const { engine, effects } = sampleEngine();
  await engine.accept(envelope());
  const row = engine.row(jobId(1));
  await engine.table.put({ ...row, kind: 'new', subject: 'new', version: row.version + 1 }, row.version);
  // Only a first delivery claims the row without a read.
  engine.receive();
  engine.clock.advance(3_600_000);

  await engine.deliver();

  expect(effects).toEqual([jobId(1)]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', kind: 'new', subject: 'new' });
});

test('a bug of the call that hides a message stops neither its batch nor the answer', async () => {
  const { engine, effects } = sampleEngine(({ id }) => (id === jobId(1) ? Promise.reject(refused()) : 'done'), {
    before: (call) => {
      if (call === 'queues.changeVisibility') throw new TypeError('a bug');
    },
  });
  const first = engine.send(envelope());
  engine.send(envelope(2), { group: 'h' });

  const response = await engine.deliver();

  expect(response).toEqual({ batchItemFailures: [{ itemIdentifier: first }] });
  expect(effects).toEqual([jobId(2)]);
});

test('a bug of the note that a worker survived a returned message does not reject the batch', async () => {
  const { engine } = sampleEngine(undefined, {
    before: (call) => {
      if (call === 'table.update' || call === 'table.get') throw refused();
      if (call === 'table.delete') throw new TypeError('a bug');
    },
  });
  const returned = engine.send(envelope(), { attributes: { returned: '1' } });

  expect(await engine.deliver()).toEqual({ batchItemFailures: [{ itemIdentifier: returned }] });
  expect(engine.bugs).toMatchObject([{ message: 'a bug' }]);
});

const DAY = 86_400_000;

async function forget(engine: Engine): Promise<void> {
  const row = engine.row(jobId(1));
  await engine.table.delete(jobKey('sample', jobId(1)), row.version);
}

test('a finished job whose row has expired is known by its record, so a late copy does nothing', async () => {
  const { engine, effects } = sampleEngine();
  await engine.sendAndDeliver(envelope());
  engine.clock.advance(46 * DAY);
  await forget(engine);

  const response = await engine.sendAndDeliver(envelope());

  expect(response).toEqual({ batchItemFailures: [] });
  expect(effects).toEqual([jobId(1)]);
  expect(engine.deadLetters()).toEqual([]);
});

test('a dead job whose row has expired keeps its steps in a redrive', async () => {
  let refuse = true;
  const { engine, effects } = sampleEngine(() => {
    if (refuse) throw new PermanentError({ code: 'Rejected', message: 'rejected', vendor: 'zendesk' });
  });
  await engine.sendAndDeliver(envelope());
  engine.clock.advance(13 * DAY);
  await forget(engine);
  refuse = false;
  engine.redrive();

  await engine.deliver();

  expect(effects).toEqual([jobId(1)]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', generation: 2 });
  const events = engine.row(jobId(1)).history.map(({ event }) => event);
  expect(events).toEqual(['started', 'dead (error)', 'reopened', 'started', 'succeeded']);
});

const erase = ({ deps, row }: Engine) => deps.ledger.update(row(jobId(1)).key, (now) => ({ ...now, erased: true }));

test.each<[string, (engine: Engine) => Promise<unknown>, string[]]>([
  ['retries runs it', ({ deps, row }) => retry(deps, row(jobId(1))), [jobId(1)]],
  ['erases leaves no body', erase, []],
])('the message of a cancelled job that an operator meanwhile %s', async (_what, acts, expected) => {
  let act: typeof acts | undefined;
  const { engine, effects } = sampleEngine(() => 'done', {
    before: async (call) => {
      const now = call === 'objects.put' ? act : undefined;
      if (now) act = undefined;
      await now?.(engine);
    },
  });
  await engine.accept(envelope());
  await engine.deps.ledger.update(engine.row(jobId(1)).key, (row) => ({ ...row, sentAt: engine.clock.now() }));
  await cancel(engine.deps, engine.row(jobId(1)));
  act = acts;

  await engine.work();

  expect(effects).toEqual(expected);
  expect(engine.row(jobId(1)).bodyKept ?? false).toBe(false);
  if (expected.length === 0) expect(engine.objects.keys().filter((key) => key.includes('_bodies'))).toEqual([]);
});

test('the marks of an end are not given to a job that is open again by then', async () => {
  let reopens = true;
  const { engine } = sampleEngine(rejects, {
    before: async (call) => {
      if (call !== 'queues.send' || !reopens) return;
      reopens = false;
      await retry(engine.deps, engine.row(jobId(1)));
    },
  });

  await engine.sendAndDeliver(envelope());

  expect(engine.row(jobId(1))).toMatchObject({ state: 'queued', generation: 2 });
  expect([engine.row(jobId(1)).recordedAt, engine.row(jobId(1)).parkedAt]).toEqual([undefined, undefined]);
});

test('a lost body does not replace what lies in its place', async () => {
  const { engine } = sampleEngine();
  const row = { queue: 'sample', id: jobId(1) };
  await keepBody(engine.deps, row, envelope());

  await keepBody(engine.deps, row, GONE);

  expect(engine.objects.text(bodyKey(PREFIX, 'sample', jobId(1)))).toBe(envelope());
});

test('a job is given back when the bucket cannot store its body, and the run counts as no attempt', async () => {
  const { engine } = sampleEngine(rejects, outage('objects.put'));

  const response = await engine.sendAndDeliver(envelope());

  expect(response.batchItemFailures).toHaveLength(1);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'queued', attempts: 0, crashes: 0 });
  expect(engine.row(jobId(1)).lease).toBeUndefined();
  expect(engine.row(jobId(1)).history.at(-1)).toMatchObject({ event: 'given back', error: { code: 'Down' } });
});

test('in its last moments a worker begins no write to give a job back, because its answer would come too late', async () => {
  const { engine } = sampleEngine(rejects, {
    before: (call) => {
      if (call !== 'objects.put') return;
      engine.clock.advance(engine.timeoutMs - 100);
      throw new StoreError({ code: 'Down', message: 'down' });
    },
  });

  const response = await engine.sendAndDeliver(envelope());

  expect(response.batchItemFailures).toHaveLength(1);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'processing', crashes: 0 });
});

/**
 * How a run of a lone job goes. `table`: from its effect on, the table refuses all. `seconds`: only for 20 s. `both`: the
 * bucket refuses all too. `claim`: no answer of the table arrives. `dies`: the worker is killed.
 */
type Goes = 'table' | 'seconds' | 'both' | 'claim' | 'dies' | 'works';

async function delivered(...runs: Goes[]) {
  const kills = createKills();
  const down = { ports: [] as string[], until: 0 };
  let goes: Goes = 'works';
  const refuse = (call: string) => {
    const isDown = engine.clock.now() < down.until && down.ports.some((port) => call.startsWith(port));
    if (isDown) throw new StoreError({ code: 'Down', message: 'down' });
  };
  const fail = (ms: number, ...ports: string[]) => Object.assign(down, { ports, until: engine.clock.now() + ms });
  const { engine } = sampleEngine(
    () => {
      if (goes === 'dies') return kills.die();
      if (goes === 'works' || goes === 'claim') return 'done';
      fail(goes === 'seconds' ? 20_000 : 800_000, 'table', ...(goes === 'both' ? ['objects'] : []));
      throw refused();
    },
    {
      settings: { receives: 10 },
      before: (call) => (goes === 'claim' ? undefined : refuse(call)),
      after: (call) => (goes === 'claim' ? refuse(call) : undefined),
    },
  );
  const witnesses = () => engine.objects.keys().filter((key) => key.includes('/_witness/')).length;
  const left: number[] = [];
  await engine.accept(envelope());
  for (goes of runs) {
    if (goes === 'claim') fail(800_000, 'table');
    await kills.run(() => engine.deliver());
    left.push(witnesses());
    engine.clock.advance(901_000);
  }
  const { state, reason, attempts } = engine.row(jobId(1));
  return { end: [state, reason, attempts], left };
}

test.each<[string, Goes[], unknown[], number[]]>([
  ['given back when the table works again', ['seconds', 'seconds', 'works'], ['succeeded', undefined, 1], [0, 0, 0]],
  ['excused by a witness of each', ['table', 'table', 'works'], ['succeeded', undefined, 1], [1, 1, 0]],
  ['excused although only its claim was stored', ['claim', 'claim', 'works'], ['succeeded', undefined, 1], [1, 1, 0]],
  ['no excuse for a later crash', ['table', 'dies', 'dies', 'works'], ['dead', 'crash', 2], [1, 0, 0, 0]],
  ['taken for a crash if the bucket fails too', ['both', 'both', 'works'], ['dead', 'crash', 2], [0, 0, 0]],
])('a run that cannot store its outcome is %s', async (_what, runs, end, left) => {
  expect(await delivered(...runs)).toEqual({ end, left });
});

/** A message in the queue has its last receive next. */
function receiveTwice(engine: Engine): void {
  for (const _receive of [1, 2]) {
    engine.receive();
    engine.clock.advance(301_000);
  }
}

/** An engine whose process dies during the effect of a job. */
function mortal(poison: string) {
  const kills = createKills();
  const { engine } = sampleEngine(({ id }) => (id === poison ? kills.die() : undefined), kills);
  return { engine, deliver: () => kills.run(() => engine.deliver()) };
}

test('messages that came back from the DLQ run last and one by one, and a note is made before each is read', async () => {
  const { engine, effects } = sampleEngine();
  const reads: string[] = [];
  const begin = engine.deps.ledger.trials.begin;
  engine.deps.ledger.trials.begin = async (queue, messageId) => {
    reads.push(`${messageId} after ${effects.length}`);
    await begin(queue, messageId);
  };
  const returned = { returned: '1', returnedAt: '1' };
  const first = engine.send(envelope(), { group: 'a', attributes: returned });
  engine.send(envelope(2), { group: 'a' });
  const second = engine.send(envelope(3), { group: 'b', attributes: returned });
  engine.send(envelope(4), { group: 'c' });

  await engine.deliver();

  expect(effects).toEqual([2, 4, 1, 3].map(jobId));
  expect(reads).toEqual([`${first} after 2`, `${second} after 3`]);
  expect(await engine.deps.ledger.trials.begun('sample', first)).toBe(true);
});

test('while another run holds the lease, the message stays in the queue until that lease ends', async () => {
  const { engine, deliver } = mortal(jobId(1));
  engine.send(envelope());
  await deliver();

  const response = await engine.sendAndDeliver(envelope(), { group: 'other' });

  expect(response.batchItemFailures).toHaveLength(1);
  const back = (engine.model.nextChangeAt('my-sample.fifo') ?? 0) - engine.clock.now();
  expect(back).toBeGreaterThanOrEqual(engine.timeoutMs);
});

test.each([
  ['is acknowledged if that of the run has receives left, so nothing is dead-lettered', { last: false, kept: 1 }],
  ['stays if that of the run has its last receive too, so the job is not lost', { last: true, kept: 2 }],
])('a copy on its last receive %s', async (_end, { last, kept }) => {
  const { engine, deliver } = mortal(jobId(1));
  engine.send(envelope(), { group: 'other' });
  if (last) engine.send(envelope());
  receiveTwice(engine);
  const copy = engine.receive(1);
  if (!last) engine.send(envelope());
  // With its last receive, SQS dead-letters the message of this run. By SQS's clock, its lease may not have ended then.
  await deliver();

  const response = await engine.handle(copy);

  expect(copy.Records.map(({ attributes }) => attributes.ApproximateReceiveCount)).toEqual(['3']);
  expect(response.batchItemFailures).toHaveLength(kept - 1);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'processing' });
  expect([engine.inQueue(), engine.deadLetters().length]).toEqual([kept, 0]);
  expect(engine.lines.at(-1)?.facts.outcome).toBe(last ? 'retry' : 'copied');
});

test('on its last receive, a message whose own run still has the job is no copy, so it stays', async () => {
  const kills = createKills();
  const { engine } = sampleEngine(() => kills.die(), kills);
  engine.send(envelope());
  const event = engine.receive(1);
  await kills.run(() => engine.handle(event));
  for (const { attributes } of event.Records) attributes.ApproximateReceiveCount = '3';

  const response = await engine.handle(event);

  expect(response.batchItemFailures).toHaveLength(1);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'processing' });
});

test('a run that has lost its job looks at the row again, so its message is acknowledged at once', async () => {
  const { engine } = sampleEngine(async ({ id }): Promise<void> => {
    const { ledger, clock } = engine.deps;
    await ledger.update(jobKey('sample', id), (row) => cancelled(row, clock.now()));
  });

  const response = await engine.sendAndDeliver(envelope());

  expect(response.batchItemFailures).toEqual([]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'cancelled', reason: 'operator' });
  expect(engine.lines.map(({ message }) => message)).not.toContain('a message could not be handled');
});

test.each([
  [31, 'runs', { state: 'succeeded' }],
  [29, 'is held and runs from a new message', { state: 'held', reason: 'retry', attempts: 0, bodyKept: true }],
])('%s minutes before SQS deletes its message, a job %s', async (minutes, _what, expected) => {
  const { engine, effects } = sampleEngine();
  engine.send(envelope());
  engine.clock.advance(engine.deps.settings('sample').retention * 1000 - minutes * 60_000);

  await engine.deliver();
  const first = engine.row(jobId(1));
  await engine.drain();

  expect(first).toMatchObject(expected);
  expect(effects).toEqual([jobId(1)]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', attempts: 1 });
});

test('two messages of one job on their last receive: the second looks again until the first has its outcome', async () => {
  const { engine, effects } = sampleEngine();
  for (const group of ['one', 'other']) engine.send(envelope(), { group });
  receiveTwice(engine);
  const both = engine.receive();

  const response = await engine.handle(both);

  expect(both.Records.map(({ attributes }) => attributes.ApproximateReceiveCount)).toEqual(['3', '3']);
  expect(response.batchItemFailures).toEqual([]);
  expect(effects).toEqual([jobId(1)]);
});
