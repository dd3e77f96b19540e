import { gzipSync } from 'node:zlib';
import type { AnalyticsFigures } from '../../../../lib/operate/ops/analytics';
import { writeHours } from '../../../../lib/queues/analytics/hours';
import { countsKey, dataPrefix, hourIn } from '../../../../lib/queues/analytics/keys';
import { analyticsContract } from '../../../../lib/queues/analytics/process';
import { replayRejected } from '../../../../packages/cli/analytics';
import { commands } from '../../../../packages/cli/commands';
import { analyticsBody, anEvent, putOriginal, someEvents, viewAt } from '../../../support/analytics';
import { memoryDeployment } from '../../../support/deployment';
import { jobId, memoryEngine, PREFIX } from '../../../support/engine';
import { command, contextOf, recordingOutput } from '../../../support/operator';

const ADDRESS = 'someone@example.com';
const HOUR = Date.parse('2026-01-02T03:00:00Z');
const MINUTE_MS = 60_000;

/** The worker of analytics. `rules.noAddressesFrom` may change between two messages, as by a deployment. */
function start() {
  const rules = { noAddressesFrom: 0 };
  const metrics = { add: () => {}, flush: async () => {} };
  const engine = memoryEngine((deps) => analyticsContract(Object.assign(rules, { ...deps, metrics, prefix: PREFIX })));
  engine.clock.advance(HOUR + 5 * MINUTE_MS - engine.clock.now());
  const audited = jest.fn(async () => 'audit');
  return {
    ...{ engine, rules, audited },
    replay: async (noAddressesFrom = rules.noAddressesFrom) => {
      const result = await replayRejected(engine.deps, { hour: HOUR, noAddressesFrom }, audited);
      while (engine.inQueue() > 0) await engine.deliver();
      return result;
    },
    write: () =>
      writeHours(
        { ...engine.deps, columns: [], onePartBytes: 1e9, mostBytes: 1e9, mostObjects: 1e6, block: 256 },
        { remainingMs: 300_000 },
      ),
    seen: async () => (await viewAt(engine.objects, engine.clock.now())).map(({ event_id }) => event_id).sort(),
    deliver: (events: unknown[], n = 1) => engine.sendAndDeliver(analyticsBody(events, { n })),
  };
}

const isoAt = (time: number) => new Date(time).toISOString();

test('sls analytics shows the last hour, events by name, and rejected events by rule and field without their values', async () => {
  const { engine, deliver } = start();
  const named = (n: number, properties: object) => anEvent(n, { properties });
  await deliver([
    ...[...someEvents(1, 3), anEvent(4, { name: 'purchase' }), anEvent(5, { user: ADDRESS })],
    ...[anEvent(6, { user: ADDRESS }), named(7, { [`of ${ADDRESS}`]: 1 }), named(8, { 'Some One': ADDRESS }), 7],
  ]);
  await deliver(someEvents(9, 10), 2);
  const { deployment, metrics } = memoryDeployment(engine);
  metrics.set('EventsAccepted', [{ at: HOUR, value: 6 }]);
  metrics.set('TimeToStore', [{ at: HOUR, value: 1_500 }]);

  const { lines } = await command({ deps: deployment }, 'analytics');
  const figures = (await command({ deps: deployment }, 'analytics', { json: true })).json as AnalyticsFigures;

  expect(figures).toMatchObject({
    ...{ from: isoAt(HOUR - 50 * MINUTE_MS), accepted: [{ at: isoAt(HOUR), value: 6 }], rejected: [] },
    stored: {
      messages: 2,
      of: 2,
      names: [
        { name: 'screen_viewed', events: 5 },
        { name: 'purchase', events: 1 },
      ],
      times: { screen_viewed: [{ value: 5 }], purchase: [{ value: 1 }] },
    },
    rejections: { messages: 1, of: 1 },
  });
  expect(figures.stored.bytes).toBeGreaterThan(200);
  const { rules } = figures.rejections;
  const fields = ['user', 'properties', 'properties.*', ''].map((field) => [field, field === 'user' ? 2 : 1]);
  expect(rules.map(({ field, events }) => [field, events])).toEqual(fields);
  const value = 'text, 19 characters';
  const rule = 'must not look like a mail address';
  expect(rules[0]).toMatchObject({ rule, example: { job: jobId(1), value, event: { user: value } } });
  expect(lines[0]).toBe('FROM (UTC)           ACCEPTED  REJECTED  P50    P95');
  expect(lines[6]).toBe('2026-01-02 03:00:00  6         0         1.5 s  1.5 s');
  expect(lines.slice(10, 14)).toEqual([
    expect.stringMatching(/^Stored: \d+ bytes, compressed, in 2 messages of this hour and the one before\.$/),
    ...['NAME           EVENTS', 'screen_viewed  5', 'purchase       1'],
  ]);
  const line = lines.find((one) => one.startsWith('user'));
  expect(line?.split(/ {2,}/)).toEqual(['user', '2', rule, value, jobId(1)]);
  expect(JSON.stringify([lines, figures])).not.toMatch(/someone|Some One/);
});

test('sls analytics shows exact counts of each written hour, and never a zero for an hour that is not counted', async () => {
  const { engine, deliver, write } = start();
  for (const hour of [2, 3]) {
    const time = `2026-01-02T0${hour}:04:05.000Z`;
    const events = [...someEvents(1, 3), anEvent(4, { name: 'purchase' }), { id: 'bad' }];
    await engine.sendAndDeliver(analyticsBody(events, { n: hour, time }));
  }
  engine.clock.advance(2 * 60 * MINUTE_MS);
  await write();
  await engine.objects.put(countsKey(PREFIX, HOUR - 60 * MINUTE_MS), '{', 'application/json');
  await deliver(someEvents(9, 10), 9);
  const { deployment } = memoryDeployment(engine);

  const { lines } = await command({ deps: deployment }, 'analytics');
  const figures = (await command({ deps: deployment }, 'analytics', { json: true })).json as AnalyticsFigures;

  expect(figures.written).toEqual({
    hours: [{ at: isoAt(HOUR - 60 * MINUTE_MS) }, { at: isoAt(HOUR), events: 4, users: 4, rejected: 1 }],
    names: [
      { name: 'screen_viewed', events: 3 },
      { name: 'purchase', events: 1 },
    ],
    others: 0,
    rules: [{ rule: expect.any(String), events: 1 }],
  });
  const at = lines.indexOf('HOUR (UTC)           EVENTS       USERS  REJECTED');
  expect(lines.slice(at + 1, at + 3)).toEqual([
    '2026-01-02 02:00:00  not counted',
    '2026-01-02 03:00:00  4            4      1',
  ]);
  expect(lines).toContain('purchase       1');
});

test('sls analytics --watch shows them again until Ctrl-C, and reads each object once, and only the newest hundred', async () => {
  const { engine, deliver } = start();
  for (let n = 1; n <= 101; n++) await deliver([anEvent(n)], n);
  const get = jest.spyOn(engine.deps.objects, 'get');
  const { out, recorded } = recordingOutput();
  const stop = new AbortController();
  let naps = 0;
  const sleep = async () => {
    naps += 1;
    if (naps === 3) stop.abort();
  };

  const clock = { now: engine.clock.now, sleep };
  const { deployment } = memoryDeployment(engine);
  const watching = { ...out, interrupted: () => stop.signal };
  await commands.analytics.run(contextOf({ ...deployment, clock }, { watch: true }, watching));

  expect(recorded.lines.filter((line) => line.startsWith('As of'))).toHaveLength(3);
  expect(recorded.lines).toContainEqual(expect.stringContaining('in the newest 100 of 101 messages'));
  expect(recorded.lines).toContainEqual(expect.stringMatching(/^screen_viewed +100$/));
  expect(get).toHaveBeenCalledTimes(100);
});

test('sls analytics replay works by the settings of the instance, and says what it sent and what not', async () => {
  const { engine, deliver } = start();
  await deliver([...someEvents(1, 2), anEvent(3, { user: ADDRESS }), { id: 'bad' }]);

  const { lines } = await command(engine, 'analytics replay', { hour: '2026-01-02T03', stage: 'prod' });

  expect(lines).toEqual([
    '1 event sent again, in 1 message.',
    '1 event not sent: invalid as before, or their message has stored their id.',
  ]);
  await expect(command(engine, 'analytics replay', {})).rejects.toThrow('--hour is required');
  const without = { deps: { ...engine.deps, queueNames: ['emails'] } };
  await expect(command(without, 'analytics')).rejects.toThrow('no queue analytics');
});

const mixed = [...someEvents(1, 2), anEvent(3, { user: ADDRESS }), anEvent(4, { device: ADDRESS }), { id: 'bad' }];
const all = ['event-1', 'event-2', 'event-3', 'event-4'];

test('a replay of rejected events stores those that are valid now, once, however often it is run, as does the Parquet object', async () => {
  const { engine, rules, audited, replay, write, seen, deliver } = start();
  await deliver(mixed);
  engine.clock.advance(2 * 60 * MINUTE_MS);
  await write();
  rules.noAddressesFrom = Number.POSITIVE_INFINITY;

  expect(await replay()).toEqual({ messages: 1, events: 2, left: 1 });
  expect(await seen()).toEqual(all);
  expect(await engine.objects.list(hourIn(dataPrefix(PREFIX), HOUR))).toHaveLength(2);
  const before = engine.objects.keys();
  expect(await replay()).toEqual({ messages: 1, events: 2, left: 1 });

  expect(engine.objects.keys()).toEqual(before);
  expect(engine.deadLetters()).toEqual([]);
  expect(audited).toHaveBeenCalled();
  engine.clock.advance(10 * 24 * 60 * MINUTE_MS);
  await write();
  expect(await seen()).toEqual(all);
});

test('a replay of rejected events sends nothing while no rule has changed. Before the worker has the fix, it does no harm', async () => {
  const { engine, rules, audited, replay, seen, deliver } = start();
  await deliver(mixed);

  expect(await replay()).toEqual({ messages: 0, events: 0, left: 3 });
  expect(audited).not.toHaveBeenCalled();
  await replay(Number.POSITIVE_INFINITY);
  expect(await seen()).toEqual(['event-1', 'event-2']);
  rules.noAddressesFrom = Number.POSITIVE_INFINITY;
  engine.clock.advance(10 * MINUTE_MS);
  expect(await replay()).toMatchObject({ messages: 1 });

  expect(await seen()).toEqual(all);
  expect(engine.deadLetters()).toEqual([]);
});

test('a replay of rejected events never sends an id that its message has stored', async () => {
  const { rules, replay, deliver } = start();
  await deliver([anEvent(1), anEvent(1, { name: 'repeated' }), anEvent(1, { properties: { mail: ADDRESS } })]);
  rules.noAddressesFrom = Number.POSITIVE_INFINITY;

  expect(await replay()).toEqual({ messages: 0, events: 0, left: 2 });
});

test('a replay of rejected events after a second fix stores what the first one left, each event once', async () => {
  const { engine, rules, replay, seen } = start();
  rules.noAddressesFrom = Number.POSITIVE_INFINITY;
  const [first, second] = [1, 2].map((n) => anEvent(n, { user: ADDRESS }));
  await putOriginal(engine.objects, [first]);
  await replay();
  await putOriginal(engine.objects, [first, second]);

  expect(await replay()).toEqual({ messages: 1, events: 2, left: 0 });

  expect(await seen()).toEqual(['event-1', 'event-2']);
  expect(engine.deadLetters()).toEqual([]);
});

test('a replay of more rejected events than fit into a message sends several', async () => {
  const { engine, rules, replay, seen } = start();
  rules.noAddressesFrom = Number.POSITIVE_INFINITY;
  const properties = Object.fromEntries(Array.from({ length: 99 }, (_, n) => [`p${n}`, 'x'.repeat(2_000)]));
  const events = someEvents(1, 6).map((event) => ({ ...event, properties, user: ADDRESS }));
  await putOriginal(engine.objects, events);

  expect(await replay()).toEqual({ messages: 2, events: 6, left: 0 });
  expect(await seen()).toHaveLength(6);
});

test('a replay goes on over an object whose events were all erased', async () => {
  const { engine, rules, replay, deliver } = start();
  await deliver(mixed);
  const [key = ''] = engine.objects.keys().filter((name) => name.includes('-rejected/'));
  await engine.objects.put(key, gzipSync(''), 'application/gzip');
  rules.noAddressesFrom = Number.POSITIVE_INFINITY;

  expect(await replay()).toEqual({ messages: 0, events: 0, left: 0 });
});

test('a replay is refused if a rejected object cannot be read', async () => {
  const { engine, replay, deliver } = start();
  await deliver(mixed);
  const [key = ''] = engine.objects.keys().filter((name) => name.includes('-rejected/'));
  await engine.objects.put(key, 'damaged', 'application/gzip');

  await expect(replay()).rejects.toThrow(`${key} cannot be read`);
});
