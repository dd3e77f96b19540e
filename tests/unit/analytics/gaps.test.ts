import { compactHour } from '../../../lib/analytics/compact';
import { sequences } from '../../../lib/analytics/gaps';
import { analyticsContract } from '../../../lib/analytics/process';
import { jobKey } from '../../../lib/jobs/keys';
import { ROW_SCHEMA } from '../../../lib/jobs/row-schema';
import { ACCEPTED_AT, analyticsBody, anEvent } from '../../support/analytics';
import { damagedItem } from '../../support/damage';
import { jobId, memoryEngine, PREFIX } from '../../support/engine';

const HOUR = Date.parse('2026-01-02T03:00:00Z');
const hours = { from: HOUR, to: HOUR + 3_600_000 };
const source = '/my/api/producer-1';
/** One of our sources, which began a second before its jobs were accepted. */
const began = (Date.parse(ACCEPTED_AT) - 1_000).toString(16).padStart(12, '0');
const own = `/my/api/${began.slice(0, 8)}-${began.slice(8)}-7000-8000-000000000000`;

function start() {
  const metrics = { add: () => {}, flush: async () => {} };
  const engine = memoryEngine(({ objects }) =>
    analyticsContract({ objects, prefix: PREFIX, names: new Set(), metrics }),
  );
  const send = async (numbers: number[], changes: Record<string, unknown> = {}) => {
    for (const n of numbers) engine.send(analyticsBody([anEvent(n)], { n, ...changes }));
    while (engine.inQueue() > 0) await engine.deliver();
  };
  const check = (range = hours) => sequences({ ...engine.deps, table: engine.table }, range);
  return { engine, send, check };
}

test('no gap is reported when no message is missing', async () => {
  const { send, check } = start();

  await send([1, 2, 3, 4]);

  expect(await check()).toEqual({ stored: 4, sources: 1, gaps: [], unstored: [] });
});

test('a gap between two messages is reported with source and numbers', async () => {
  const { send, check } = start();

  await send([3, 4, 7, 9]);

  expect((await check()).gaps).toEqual([
    { source, first: 5, last: 6 },
    { source, first: 8, last: 8 },
  ]);
});

test('a missing beginning is reported only for a source that began in that time', async () => {
  const { send, check } = start();

  await send([3, 4]);
  await send([5, 6], { source: own });

  expect((await check()).gaps).toEqual([{ source: own, first: 1, last: 4 }]);
});

test('a message with only rejected events counts as stored', async () => {
  const { engine, send, check } = start();
  await send([1, 3]);

  engine.send(analyticsBody([{ wrong: true }], { n: 2 }));
  await engine.deliver();

  expect(await check()).toMatchObject({ stored: 3, gaps: [] });
});

test('the row of newer code is no gap, and the report goes on', async () => {
  const { engine, send, check } = start();
  await send([1, 3]);
  engine.send(analyticsBody([], { n: 2 }));
  await engine.deliver();

  await damagedItem(engine.table, jobKey('analytics', jobId(2)), (row) => ({ ...row, schema: ROW_SCHEMA + 1 }));

  expect(await check()).toMatchObject({ gaps: [], unstored: [{ job: jobId(2), state: 'dead' }] });
});

test('a dead job is not a gap but is listed with its state', async () => {
  const { engine, send, check } = start();
  await send([1, 3]);

  engine.send(analyticsBody([], { n: 2 }));
  await engine.deliver();

  expect(await check()).toMatchObject({
    gaps: [],
    unstored: [{ source, sequence: 2, job: jobId(2), state: 'dead' }],
  });
});

test('after compaction the numbers come from the manifests', async () => {
  const { engine, send, check } = start();
  await send([1, 2, 4]);
  engine.clock.advance(2 * 3_600_000);
  const deps = { ...engine.deps, graceMs: 1_000, targetBytes: 1_000 };
  await compactHour(deps, HOUR, () => true);
  engine.clock.advance(3_000);
  await compactHour(deps, HOUR, () => true);
  await send([6]);

  const found = await check();

  expect(found).toEqual({
    stored: 4,
    sources: 1,
    gaps: [
      { source, first: 3, last: 3 },
      { source, first: 5, last: 5 },
    ],
    unstored: [],
  });
});

test('only the hours that were asked for count', async () => {
  const { send, check } = start();
  await send([1, 2]);
  await send([3, 4], { time: '2026-01-02T04:00:00.000Z' });

  expect((await check()).stored).toBe(2);
  expect(await check({ from: HOUR, to: HOUR + 7_200_000 })).toMatchObject({ stored: 4, gaps: [] });
});
