import { StoreError, WaitError } from '../../../lib/errors';
import type { JobRow } from '../../../lib/jobs/row';
import { anEnvelope, jobId, memoryEngine } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

const MINUTE = 60_000;
/** Releases run side by side, so this many may go out before the first one counts. */
const SIDE_BY_SIDE = 32;

/** This many jobs wait for a minute after their first run. Those with `again` wait a minute after every run. */
async function heldJobs(count: number, { again = () => false }: { again?: (id: string) => boolean } = {}) {
  const seen = new Set<string>();
  const { contract, effects } = sampleContract(({ id }) => {
    const first = !seen.has(id);
    seen.add(id);
    if (first || again(id))
      throw new WaitError({ code: 'Throttled', message: '429', vendor: 'zendesk', waitMs: MINUTE });
  });
  let down: string | undefined;
  const engine = memoryEngine(() => contract, {
    before: (call) => {
      if (call === down) throw new StoreError({ code: 'Down', message: 'down' });
    },
  });
  const send = (n: number) => engine.send(JSON.stringify(anEnvelope({ id: jobId(n) })), { group: `g${n}` });
  const work = async () => {
    while (engine.inQueue() > 0) await engine.deliver();
  };
  for (let n = 1; n <= count; n++) {
    send(n);
    if (n % 10 === 0) await work();
  }
  await work();
  engine.clock.advance(2 * MINUTE);
  return { engine, effects, work, send, breaks: (call: string | undefined) => (down = call) };
}

const held = (rows: JobRow[]): number => rows.filter(({ state }) => state === 'held').length;

test('a new queue gets a hundred jobs, and twice as many each minute while it does them all', async () => {
  const { engine, work } = await heldJobs(1_000);
  const released: number[] = [];

  for (let minute = 0; minute < 4; minute++) {
    await engine.reconcile();
    released.push(engine.inQueue());
    await work();
    engine.clock.advance(MINUTE);
  }

  for (const [index, least] of [100, 200, 400].entries()) {
    expect(released[index]).toBeGreaterThanOrEqual(least);
    expect(released[index]).toBeLessThan(2 ** index * (100 + SIDE_BY_SIDE) + SIDE_BY_SIDE);
  }
  expect(held(engine.rows())).toBe(0);
});

test('jobs that come back held slow the releases: the queue gets what it did, and a little more', async () => {
  const { engine, work } = await heldJobs(1_000, { again: (id) => Number.parseInt(id.slice(-2), 16) % 4 > 0 });

  for (let minute = 0; minute < 2; minute++) {
    await engine.reconcile();
    await work();
    engine.clock.advance(MINUTE);
  }
  await engine.reconcile();

  // A quarter of the jobs is done, and more than a hundred were released.
  expect(engine.inQueue()).toBeLessThan(100);
  expect(engine.inQueue()).toBeGreaterThanOrEqual(20);
});

test('a queue that is not empty only gets what fits, but always some jobs', async () => {
  const { engine, send } = await heldJobs(300);
  for (let n = 1_001; n <= 1_300; n++) send(n);

  await engine.reconcile();
  const first = engine.inQueue() - 300;
  engine.clock.advance(MINUTE);
  await engine.reconcile();

  expect(first).toBeGreaterThanOrEqual(20);
  expect(first).toBeLessThan(20 + SIDE_BY_SIDE);
  expect(engine.inQueue() - 300 - first).toBeGreaterThanOrEqual(20);
});

test('if the queue cannot be measured, some jobs are released and the failure is reported', async () => {
  const { engine, breaks } = await heldJobs(300);
  breaks('queues.depth');

  await engine.reconcile();

  expect(engine.inQueue()).toBeGreaterThanOrEqual(20);
  expect(engine.inQueue()).toBeLessThan(20 + SIDE_BY_SIDE);
  expect(engine.lines).toContainEqual({
    message: 'reconciling failed',
    facts: { kind: 'releaseDue', queue: 'sample', code: 'Down' },
  });
  expect(engine.rows().every(({ backoff }) => backoff === undefined)).toBe(true);
});

test('a run that stays spreads its releases over its time', async () => {
  const { engine } = await heldJobs(300);
  const begun = engine.clock.now();
  const at: number[] = [];
  const { sendBatch } = engine.deps.queues;
  engine.deps.queues.sendBatch = async (url, messages) => {
    at.push(engine.clock.now() - begun);
    return sendBatch(url, messages);
  };

  await engine.reconcile({ stayMs: 55_000 });

  expect(engine.inQueue()).toBeGreaterThanOrEqual(100);
  expect(engine.inQueue()).toBeLessThan(100 + SIDE_BY_SIDE);
  expect(new Set(at).size).toBeGreaterThan(4);
  expect(Math.max(...at)).toBeLessThan(55_000);
});

test('a few jobs are released without measuring the queue', async () => {
  const { engine, breaks } = await heldJobs(20);
  breaks('table.count');

  await engine.reconcile();

  expect(engine.inQueue()).toBe(20);
});

test('jobs of one group are released in order', async () => {
  const { contract, effects } = sampleContract(({ row }) => {
    if (row.holds === 0) throw new WaitError({ code: 'T', message: '429', vendor: 'zendesk', waitMs: MINUTE });
  });
  const engine = memoryEngine(() => contract);
  for (let n = 1; n <= 30; n++) {
    engine.send(JSON.stringify(anEnvelope({ id: jobId(n) })), { group: `g${n % 3}` });
    await engine.deliver();
    engine.clock.advance(1_000);
  }

  engine.clock.advance(2 * MINUTE);
  await engine.reconcile();
  while (engine.inQueue() > 0) await engine.deliver(1);

  for (const rest of [0, 1, 2]) {
    const group = effects.map((id) => Number.parseInt(id.slice(-4), 16)).filter((n) => n % 3 === rest);
    expect(group).toEqual(group.toSorted((a, b) => a - b));
  }
  expect(effects).toHaveLength(30);
});
