import { StopError } from '../../../lib/errors';
import { orderKey, todoKey } from '../../../lib/jobs/keys';
import { cancel } from '../../../lib/ops/cancel';
import { retry } from '../../../lib/ops/retry';
import { releaseBehind } from '../../../lib/reconcile/behind';
import { damagedItem } from '../../support/damage';
import { anEnvelope, type EngineOptions, jobId, memoryEngine } from '../../support/engine';
import { inState } from '../../support/in-state';
import { reconcileRun } from '../../support/reconcile-run';
import { sampleContract } from '../../support/sample-contract';

const MINUTE = 60_000;
const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => jobId(from + index));

/** A queue whose vendor refuses every job until `recover`. Each call can take time. */
function start({ ordered = true, ...options }: EngineOptions & { ordered?: boolean } = {}) {
  let stopped = true;
  let costMs = 0;
  const { contract, effects } = sampleContract(() => {
    if (stopped) throw new StopError({ code: 'AgreementMissing', message: '403', vendor: 'zendesk' });
  });
  const engine = memoryEngine(() => contract, {
    ...options,
    settings: { ordered },
    before: async (call) => {
      // Up to sixteen reads run at the same time.
      engine.clock.advance(call === 'table.get' ? costMs / 16 : costMs);
      await options.before?.(call);
    },
  });
  const deliver = async () => {
    while (engine.inQueue() > 0 && (await engine.deliver()).batchItemFailures.length === 0);
  };

  return {
    engine,
    effects,
    deliver,
    recover: () => {
      stopped = false;
    },
    async send(numbers: readonly string[], group = 'app') {
      for (const id of numbers) engine.send(JSON.stringify(anEnvelope({ id })), { group });
      await deliver();
    },
    switchTo: (on: boolean) => {
      const { settings } = engine.deps;
      engine.deps.settings = (queue) => ({ ...settings(queue), ordered: on });
    },
    /** Runs the reconciler first in each of these minutes. Each of its calls takes `callMs`. */
    async minutes(count: number, callMs = 0) {
      for (let minute = 0; minute < count; minute++) {
        engine.clock.advance(MINUTE);
        costMs = callMs;
        await engine.reconcile();
        costMs = 0;
        await deliver();
      }
    },
    front: () => engine.deps.order.front({ queue: 'sample', group: 'app' }),
    lineOf: (group: string) => engine.table.items().find(({ key }) => key === orderKey('sample', group)),
    heldBehind: () => engine.rows().filter(({ state, reason }) => state === 'held' && reason === 'behind').length,
  };
}

test('a group goes on, even if reading all its rows would take the reconciler too long', async () => {
  const { send, recover, minutes, effects } = start();
  await send(ids(1, 600));
  recover();

  // At 400 ms a call, the reconciler reads some 550 rows in its share of a run, and releases eleven.
  await minutes(100, 400);

  expect(effects).toEqual(ids(1, 600));
});

test('a thousand jobs of one group are done in order, a hundred a minute', async () => {
  const { send, recover, minutes, effects } = start();
  await send(ids(1, 1_000));
  recover();

  await minutes(12, 20);

  expect(effects).toEqual(ids(1, 1_000));
});

test('a thousand jobs of a hundred groups are done in order, side by side', async () => {
  const { send, recover, minutes, effects } = start();
  const groups = Array.from({ length: 100 }, (_, group) => ids(group * 10 + 1, group * 10 + 10));
  for (const [group, jobs] of groups.entries()) await send(jobs, `app-${group}`);
  recover();

  await minutes(10, 5);

  const places = new Map(effects.map((id, place) => [id, place]));
  expect(effects).toHaveLength(1_000);
  for (const jobs of groups) {
    const done = jobs.map((id) => places.get(id) ?? -1);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
  }
});

test('no job is released while earlier jobs of its group are running, or behind a held one', async () => {
  const { send, recover, minutes, engine, deliver, heldBehind } = start();
  await send(ids(1, 250));
  const released = async () => {
    engine.clock.advance(MINUTE);
    await engine.reconcile();
    return engine.inQueue();
  };

  expect(await released()).toBe(1);
  await deliver();
  expect(heldBehind()).toBe(249);
  recover();
  // After a failed trial call, the next one comes two minutes later.
  expect(await released()).toBe(0);
  expect(await released()).toBe(1);
  expect(await released()).toBe(1);
  await deliver();
  expect(await released()).toBe(100);
  expect(await released()).toBe(100);
  await deliver();
  await minutes(2);

  expect(heldBehind()).toBe(0);
});

test('a job at the front whose row lost its state ends as dead, and does not hold back others', async () => {
  const { send, recover, minutes, engine, effects } = start();
  await send(ids(1, 3));
  const { key } = engine.row(jobId(2));
  await damagedItem(engine.table, key, ({ state: _lost, ...rest }) => rest);
  recover();

  await minutes(10);

  expect(effects).toEqual([jobId(1), jobId(3)]);
  expect(engine.row(jobId(2))).toMatchObject({ state: 'dead', error: { code: 'RowDamaged', field: 'row.state' } });
});

test.each([
  ['has ended without leaving the line', { state: inState('succeeded') }],
  ['is gone from the table', undefined],
])('a job at the front that %s does not hold back others', async (_how, end) => {
  const { send, recover, minutes, engine, effects, front } = start();
  await send(ids(1, 3));
  const row = engine.row(jobId(1));
  if (end) await engine.deps.ledger.update(row.key, (now) => ({ ...now, ...end, recordedAt: engine.clock.now() }));
  else await engine.table.delete(row.key, row.version);
  recover();

  await minutes(4);

  expect(effects).toEqual(ids(2, 3));
  expect(await front()).toEqual([]);
});

test('an operator who cancels most of a long line does not delay the others', async () => {
  const { send, recover, minutes, engine, effects } = start();
  await send(ids(1, 250));
  for (const id of ids(2, 249)) await cancel(engine.deps, engine.row(id));
  recover();

  await minutes(4);

  expect(effects).toEqual([1, 250].map(jobId));
});

test('a job that was cancelled behind the front and then retried keeps its place', async () => {
  const { send, recover, minutes, engine, effects } = start();
  await send(ids(1, 110));
  await cancel(engine.deps, engine.row(jobId(105)));
  await retry(engine.deps, engine.row(jobId(105)));
  await minutes(1);
  recover();

  await minutes(5);

  expect(effects).toEqual(ids(1, 110));
});

test('a damaged line holds back no job, and its jobs line up again in the order of their holds', async () => {
  const { send, recover, minutes, engine, effects, front, lineOf } = start();
  await send(ids(1, 5));
  const item = lineOf('app');
  await engine.table.put({ key: item?.key ?? '', version: 9, writer: '' }, item?.version ?? 0);

  await minutes(1);
  const during = await front();
  recover();
  await minutes(4);

  expect(during).toEqual(ids(1, 5));
  expect(effects).toEqual(ids(1, 5));
});

test('a job whose body cannot be read only holds back its own group, and the log names it', async () => {
  const { send, recover, minutes, engine, effects } = start();
  await send(ids(1, 3), 'bad');
  await send(ids(11, 13), 'good');
  const { get } = engine.deps.objects;
  engine.deps.objects.get = async (key) => {
    if (key.endsWith(jobId(2))) throw new Error('cannot be read');
    return get(key);
  };
  recover();

  await minutes(5);

  expect(effects.toSorted()).toEqual([1, 11, 12, 13].map(jobId));
  expect(engine.lines).toContainEqual({
    message: 'reconciling failed',
    facts: { kind: 'releaseBehind', queue: 'sample', jobId: jobId(2), code: 'Unexpected' },
  });
});

test('if there are more lines than one run can read, each line has its turn', async () => {
  const { send, engine } = start();
  for (let group = 0; group < 30; group++) await send(ids(group * 2 + 1, group * 2 + 2), `app-${group}`);
  const look = engine.deps.order.look;
  const looked: string[] = [];
  engine.deps.order.look = async (place) => {
    looked.push(place.group ?? '');
    return look(place);
  };

  for (let run = 0; run < 6; run++) {
    engine.clock.advance(MINUTE);
    const until = looked.length + 6;
    // The lanes have started sixteen lines before they see that the time is over.
    const mayGoOn = () => looked.length < until;
    await releaseBehind({ ...reconcileRun(engine.deps), share: 6 }, 'sample', mayGoOn);
  }

  expect(new Set(looked).size).toBe(30);
});

describe('an ordered queue that is switched', () => {
  test('on lets the jobs that arrive from then on wait for a job that is held again, in order', async () => {
    const { send, switchTo, recover, minutes, effects, heldBehind } = start({ ordered: false });
    await send(ids(1, 2));
    switchTo(true);
    await minutes(1);
    await send(ids(3, 4));
    const waiting = heldBehind();
    recover();
    await minutes(5);

    expect(waiting).toBe(2);
    expect(effects.toSorted()).toEqual(ids(1, 4));
    expect(effects.indexOf(jobId(3))).toBeLessThan(effects.indexOf(jobId(4)));
  });

  test('off lets the waiting jobs run while their first job is held, and clears their line', async () => {
    const { send, switchTo, recover, minutes, engine, effects, front } = start();
    await send(ids(1, 150));
    // The first job waits for another day. The others no longer wait for it.
    const hold = (retryAt: number) =>
      engine.deps.ledger.update(engine.row(jobId(1)).key, (row) => ({ ...row, reason: 'throttled', retryAt }));
    await hold(engine.clock.now() + 24 * 60 * MINUTE);
    await engine.deps.circuits.close('zendesk', 'job');
    recover();
    switchTo(false);

    await minutes(4);
    const during = await front();
    await hold(engine.clock.now());
    await minutes(2);

    expect(during).toEqual([jobId(1)]);
    expect(effects).toHaveLength(150);
    expect(await front()).toEqual([]);
  });

  test('off and on again is not held back by a job that ended meanwhile', async () => {
    const { send, switchTo, recover, minutes, engine, effects, lineOf } = start();
    await send(ids(1, 2));
    switchTo(false);
    recover();
    await minutes(1);
    switchTo(true);
    // Released code leaves it like this, because it does not know that lines have index entries.
    const { todo: _todo, todoAt: _todoAt, ...item } = lineOf('app') ?? { key: '', version: 0, writer: '' };
    await engine.table.put({ ...item, version: item.version + 1 }, item.version);
    await send(ids(3, 4));
    await minutes(4);

    expect(effects).toEqual(ids(1, 4));
  });
});

test('an empty line has no index entry', async () => {
  const { send, recover, minutes, engine } = start();
  await send(ids(1, 3));
  const entries = () => engine.table.due(todoKey('sample', 'line'), { until: Number.MAX_SAFE_INTEGER, limit: 10 });
  const during = await entries();
  recover();
  await minutes(4);

  expect(during).toHaveLength(1);
  expect(await entries()).toEqual([]);
});
