import { gunzipSync, gzipSync } from 'node:zlib';
import { parseEnvelope, sha256 } from '../../../../lib/engine/jobs/envelope';
import { dataKey, ERASED } from '../../../../lib/engine/jobs/keys';
import { dataPrefix, latePrefix } from '../../../../lib/queues/analytics/keys';
import { analyticsContract, encodeBatch } from '../../../../lib/queues/analytics/process';
import { ACCEPTED_AT, analyticsBody, anEvent, linesIn, linesOf, someEvents } from '../../../support/analytics';
import { type EngineOptions, jobId, memoryEngine, PREFIX } from '../../../support/engine';

const HOUR = 'year=2026/month=01/day=02/hour=03';
const SENDER = { job: jobId(1), source: '/my/api/producer-1', group: 'shard-3' };

function start(options: EngineOptions = {}) {
  const metrics: { name: string; value: number; dimensions: Record<string, string> }[] = [];
  const add = (name: string, value: number, _unit: string, dimensions: Record<string, string>) =>
    metrics.push({ name, value, dimensions });
  const engine = memoryEngine(
    ({ objects }) => analyticsContract({ objects, prefix: PREFIX, metrics: { add, flush: async () => {} } }),
    { settings: { visibility: 120 }, ...options },
  );
  const keys = (prefix: string) => engine.objects.keys().filter((key) => key.startsWith(prefix));
  const stored = () => Object.fromEntries(keys('').map((key) => [key, engine.objects.bytes(key)]));
  return { engine, metrics, keys, stored, lines: (prefix: string) => linesOf(engine.objects, keys(prefix)) };
}

test('a message becomes one object in the hour of its acceptance, named after its job', async () => {
  const { engine, lines } = start();

  await engine.sendAndDeliver(analyticsBody(someEvents(1, 3)));

  const key = `jobs/analytics-originals/${HOUR}/${jobId(1)}.ndjson.gz`;
  expect(engine.objects.keys()).toEqual([key]);
  expect(engine.objects.contentType(key)).toBe('application/gzip');
  expect(engine.objects.metadata(key)).toEqual({ ...SENDER, sequence: '1', events: '3' });
  expect((await lines(dataPrefix(PREFIX))).map(({ id }) => id)).toEqual(['event-1', 'event-2', 'event-3']);
  expect(engine.rows()).toEqual([]);
});

test.each<[string, (bytes: Uint8Array) => [Uint8Array, Record<string, string>?]]>([
  ['has the same bytes', (bytes) => [bytes]],
  ['was compressed differently', (bytes) => [gzipSync(gunzipSync(bytes), { level: 1 })]],
  ['has other lines since an erasure, which has marked it', () => [gzipSync('{"id":"e-1"}\n'), { [ERASED]: '1' }]],
])('a repeated message leaves its object as it is if the object %s', async (_what, stands) => {
  const { engine, keys, stored } = start();
  const body = analyticsBody([...someEvents(1, 20), { id: 7 }]);
  await engine.sendAndDeliver(body);
  for (const key of keys('')) {
    const [bytes, metadata] = stands(engine.objects.bytes(key));
    await engine.objects.put(key, bytes, 'application/gzip', metadata);
  }
  const before = stored();

  const response = await engine.sendAndDeliver(body);

  expect(response).toEqual({ batchItemFailures: [] });
  const objects = ['analytics-originals', 'analytics-rejected'].map(
    (name) => `jobs/${name}/${HOUR}/${jobId(1)}.ndjson.gz`,
  );
  expect(Object.keys(before)).toEqual(objects);
  expect(stored()).toEqual(before);
  expect(engine.rows()).toEqual([]);
});

test.each([
  ['accepted events', someEvents(1, 3), someEvents(4, 6), 1],
  ['accepted events, at its second delivery', someEvents(1, 3), someEvents(4, 6), 2],
  ['rejected events', [anEvent(1), {}], [anEvent(1), { other: true }], 1],
  ['the place of an object that is not ours', undefined, someEvents(1, 3), 1],
])('another message with a used id is parked under its own, and what is stored stays: %s', async (...row) => {
  const [_what, first, second, receive] = row;
  const { engine, stored } = start();
  if (first) await engine.sendAndDeliver(analyticsBody(first));
  else await engine.objects.put(`jobs/analytics-originals/${HOUR}/${jobId(1)}.ndjson.gz`, 'a note', 'text/plain');
  const before = stored();
  const messageId = engine.send(analyticsBody(second));
  for (let lost = 1; lost < receive; lost++) {
    engine.receive();
    engine.clock.advance(121_000);
  }

  const response = await engine.deliver();

  expect(response).toEqual({ batchItemFailures: [] });
  expect(stored()).toMatchObject(before);
  expect(engine.rows()).toMatchObject([
    { id: `invalid/${messageId}`, state: 'dead', reason: 'error', error: { code: 'IdTaken', field: 'id' } },
  ]);
  expect(engine.deadLetters()).toHaveLength(1);
});

test('an object that is removed during a delivery is written again in it', async () => {
  const { engine, keys } = start({
    before: async (call) => {
      if (call !== 'objects.read') return;
      for (const key of engine.objects.keys()) await engine.objects.delete(key);
    },
  });
  await engine.sendAndDeliver(analyticsBody(someEvents(1, 3)));

  const response = await engine.sendAndDeliver(analyticsBody(someEvents(1, 3)), { deduplication: 'again' });

  expect(response.batchItemFailures).toEqual([]);
  expect(engine.inQueue()).toBe(0);
  expect(keys(dataPrefix(PREFIX))).toHaveLength(1);
  expect(engine.rows()).toEqual([]);
});

test.each([
  ['is not a job', 'not json', 'NotJson', undefined],
  ['has no events', analyticsBody([]), 'InvalidField', 'data.events'],
  ['has too many events', analyticsBody(Array(10_001).fill(0)), 'InvalidField', 'data.events'],
  ['has an invalid sequence', analyticsBody([anEvent(1)], { sequence: '-1' }), 'InvalidEnvelope', 'sequence'],
])(
  'a message that %s is parked with its reason, and the others of its batch are stored',
  async (_what, bad, code, field) => {
    const { engine, lines } = start();
    engine.send(bad);
    for (let n = 2; n <= 10; n++) engine.send(analyticsBody([anEvent(n)], { n }));

    const response = await engine.deliver();

    expect(response).toEqual({ batchItemFailures: [] });
    expect(await lines(dataPrefix(PREFIX))).toHaveLength(9);
    expect(engine.deadLetters()).toHaveLength(1);
    const [row] = engine.rows();
    expect(row).toMatchObject({ state: 'dead', error: { code, ...(field && { field }) } });
    expect(engine.objects.keys().filter((key) => key.startsWith('jobs/analytics/'))).toHaveLength(1);
  },
);

test('referenced data that is not UTF-8 is parked and not altered', async () => {
  const { engine, lines } = start();
  const bytes = Buffer.from(JSON.stringify({ events: [anEvent(1, { user: 'X' })] }).replace('X', '\u00ff'), 'latin1');
  const dataref = dataKey(PREFIX, { queue: 'analytics', id: jobId(1), sha256: sha256(bytes) });
  await engine.objects.put(dataref, bytes, 'application/json');

  await engine.sendAndDeliver(analyticsBody([], { data: undefined, dataref, datasha256: sha256(bytes) }));

  expect(engine.row(jobId(1))).toMatchObject({
    ...{ state: 'dead', source: '/my/api/producer-1', sequence: '1' },
    error: { code: 'NotJson', field: 'dataref' },
  });
  expect(await lines(dataPrefix(PREFIX))).toEqual([]);
});

test('metrics count events and the time from `track` to storage, and log lines count bytes, and events by their twenty most frequent names', async () => {
  const { engine, metrics, keys } = start();
  engine.clock.advance(Date.parse(ACCEPTED_AT) + 1_500 - engine.clock.now());
  const received = '2026-01-02T03:04:04.600Z';
  const names = ['purchase', 'purchase', ...Array.from({ length: 25 }, (_, n) => `name-${n}`)];

  const events = names.map((name, n) => anEvent(n, { name, received }));
  await engine.sendAndDeliver(analyticsBody([...events, {}, events[0]]));

  expect(metrics).toEqual([
    { name: 'EventsAccepted', value: 27, dimensions: {} },
    { name: 'EventsRejected', value: 1, dimensions: {} },
    { name: 'TimeToStore', value: 1_900, dimensions: {} },
  ]);
  const named = engine.lines.filter(({ message }) => message === 'events stored').map(({ facts }) => facts);
  expect(named).toHaveLength(20);
  expect(named[0]).toEqual({ queue: 'analytics', event: 'purchase', count: 2 });
  const [key = ''] = keys(dataPrefix(PREFIX));
  const bytes = (await engine.objects.get(key))?.length;
  expect(engine.lines).toContainEqual(
    expect.objectContaining({ message: 'message stored', facts: { queue: 'analytics', count: 27, bytes } }),
  );
});

test('a message that is stored from ten minutes after its hour on leaves a second copy where it arrived', async () => {
  const { engine, keys } = start();
  engine.clock.advance(Date.parse('2026-01-02T04:09:59.999Z') - engine.clock.now());
  await engine.sendAndDeliver(analyticsBody(someEvents(1, 3)));
  expect(keys(latePrefix(PREFIX))).toEqual([]);

  engine.clock.advance(1);
  await engine.sendAndDeliver(analyticsBody([...someEvents(4, 6), {}], { n: 2 }));

  // One that comes back leaves a copy too, because its first delivery may have died before that.
  const before = keys(dataPrefix(PREFIX));
  await engine.sendAndDeliver(analyticsBody(someEvents(1, 3)), { deduplication: 'again' });
  expect(keys(dataPrefix(PREFIX))).toEqual(before);
  const late = `jobs/analytics-late/year=2026/month=01/day=02/hour=04/2026010203-${jobId(2)}.ndjson.gz`;
  expect(keys(latePrefix(PREFIX))).toEqual([expect.stringContaining(jobId(1)), late]);
  expect(engine.objects.bytes(late)).toEqual(
    engine.objects.bytes(`jobs/analytics-originals/${HOUR}/${jobId(2)}.ndjson.gz`),
  );
});

const origin = { ...SENDER, sequence: 1, accepted: ACCEPTED_AT };
function encode(events: unknown[], changes: Record<string, unknown> = {}) {
  const envelope = parseEnvelope(analyticsBody(events, changes));
  return encodeBatch(envelope, (envelope.data as { events: unknown[] }).events);
}

test('each event becomes a line with its origin', () => {
  const { accepted, rejected, names } = encode([anEvent(1), anEvent(2, { name: 'purchase' })]);

  expect(linesIn(accepted?.bytes)).toEqual([
    { ...anEvent(1), ...origin },
    { ...anEvent(2, { name: 'purchase' }), ...origin },
  ]);
  expect(accepted?.events).toBe(2);
  expect(rejected).toBeUndefined();
  expect(Object.fromEntries(names)).toEqual({ screen_viewed: 1, purchase: 1 });
  // A message of another producer may have no sequence and no group.
  const { accepted: other } = encode([anEvent(1)], { sequence: undefined, partitionkey: undefined });
  expect(linesIn(other?.bytes)).toMatchObject([{ sequence: null, group: null }]);
});

test('only the first of several events with the same id in a message is accepted', () => {
  const { accepted, rejected } = encode([anEvent(1), anEvent(1, { name: 'other' }), anEvent(2)]);

  expect(linesIn(accepted?.bytes).map(({ id }) => id)).toEqual(['event-1', 'event-2']);
  expect(linesIn(rejected?.bytes)).toMatchObject([{ field: 'data.events.1.id', event: { name: 'other' } }]);
});

test('an event that is nested too deep to be written keeps the reason of its rejection', () => {
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) as unknown;
  const { accepted, rejected } = encodeBatch(parseEnvelope(analyticsBody([])), [deep, anEvent(2)]);

  expect(linesIn(accepted?.bytes).map(({ id }) => id)).toEqual(['event-2']);
  expect(linesIn(rejected?.bytes)).toEqual([
    { field: 'data.events.0', rule: 'must be an object', event: null, ...origin },
  ]);
});

test('a reused buffer leaves no trace of the message before, for any size and script', () => {
  const scripts = ['plain', 'grüße', '👋🏽', '"quoted\\\n"', 'こ'.repeat(2_000)];
  const messages = [300, 1, 10, 2].map((count) =>
    someEvents(1, count).map((event, n) => ({
      ...event,
      properties: Object.fromEntries(
        Array.from({ length: count === 10 ? 99 : 1 }, (_, p) => [`p${p}`, scripts[n % 5]]),
      ),
    })),
  );

  for (const events of messages) {
    const { accepted, rejected } = encode([...events, { wrong: scripts }]);

    expect(linesIn(accepted?.bytes)).toEqual(events.map((event) => ({ ...event, ...origin })));
    expect(linesIn(rejected?.bytes)).toMatchObject([{ event: { wrong: scripts } }]);
  }
});

describe('from the time of analytics.noAddressesFrom on', () => {
  const time = '2026-01-02T03:04:05.000Z';
  const of = (events: unknown[], from: string) =>
    encodeBatch(parseEnvelope(analyticsBody(events, { time })), events, Date.parse(from));

  test.each([
    ['an address as its user', 'user', { user: 'jane@example.com' }],
    ['an address in its session', 'session', { session: 'a jane.doe+1@mail.example.co.uk b' }],
    ['an address in brackets', 'device', { device: '<jane@example.com>' }],
    ['an address in a URL', 'properties.url', { properties: { n: 1, url: 'https://a.com/?mail=jane%40example.com' } }],
    ['an address of other letters', 'properties.note', { properties: { note: 'ünï@exämple.рф' } }],
    ['a name with an @', undefined, { user: '@jane' }],
    ['a version', undefined, { properties: { package: 'react@18.2.0' } }],
    ['a host without a dot', undefined, { properties: { at: 'jane@localhost' } }],
    ['no text', undefined, { properties: { a: 1, b: true, c: null } }],
  ])('of an event with %s the field %s is refused, and the next event is accepted', (_what, field, changes) => {
    const { accepted, rejected } = of([anEvent(1, changes), anEvent(2)], time);

    const rule = 'must not look like a mail address';
    expect(linesIn(accepted?.bytes).map(({ id }) => id)).toEqual(field ? ['event-2'] : ['event-1', 'event-2']);
    expect(linesIn(rejected?.bytes)).toMatchObject(field ? [{ field: `data.events.0.${field}`, rule }] : []);
  });

  test('an event of an earlier job is accepted, so a message on its way is split as before', () => {
    const events = [anEvent(1, { user: 'jane@example.com' })];

    expect(of(events, '2026-01-02T03:04:05.001Z')).toEqual(encode(events, { time }));
    expect(of(events, '2026-01-02T03:04:05.001Z').rejected).toBeUndefined();
  });

  test('a text of any length is searched in linear time', () => {
    const properties = { a: 'a@'.repeat(1_000), b: `a@${'b.'.repeat(990)}`, c: `${'a'.repeat(1_990)}@` };

    const events = Array.from({ length: 1_000 }, (_, n) => anEvent(n, { properties }));

    expect(of(events, time).rejected).toBeUndefined();
  });
});
