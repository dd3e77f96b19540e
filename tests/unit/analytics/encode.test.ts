import { gunzipSync, gzipSync } from 'node:zlib';
import { type Encoded, encodeBatch } from '../../../lib/analytics/process';
import { parseEnvelope } from '../../../lib/jobs/envelope';
import { ACCEPTED_AT, analyticsBody, anEvent, someEvents } from '../../support/analytics';
import { jobId } from '../../support/engine';

function encode(events: unknown[], changes: Record<string, unknown> = {}) {
  const envelope = parseEnvelope(analyticsBody(events, changes));
  return encodeBatch(envelope, (envelope.data as { events: unknown[] }).events);
}

const lines = (encoded: Encoded | undefined): Record<string, unknown>[] =>
  gunzipSync(encoded?.bytes ?? gzipSync(''))
    .toString('utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const origin = { job: jobId(1), source: '/my/api/producer-1', group: 'shard-3', sequence: 1, accepted: ACCEPTED_AT };

test('each event becomes a line with its origin', () => {
  const { accepted, rejected, names } = encode([anEvent(1), anEvent(2, { name: 'purchase' })]);

  expect(lines(accepted)).toEqual([
    { ...anEvent(1), ...origin },
    { ...anEvent(2, { name: 'purchase' }), ...origin },
  ]);
  expect(accepted?.events).toBe(2);
  expect(rejected).toBeUndefined();
  expect(Object.fromEntries(names)).toEqual({ screen_viewed: 1, purchase: 1 });
  // A message of another producer may have no sequence and no group.
  const { accepted: other } = encode([anEvent(1)], { sequence: undefined, partitionkey: undefined });
  expect(lines(other)).toMatchObject([{ sequence: null, group: null }]);
});

test('only the first of several events with the same id in a message is accepted', () => {
  const { accepted, rejected } = encode([anEvent(1), anEvent(1, { name: 'other' }), anEvent(2)]);

  expect(lines(accepted).map(({ id }) => id)).toEqual(['event-1', 'event-2']);
  expect(lines(rejected)).toMatchObject([{ field: 'data.events.1.id', event: { name: 'other' } }]);
});

test('an event that is nested too deep to be written keeps the reason of its rejection', () => {
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) as unknown;
  const { accepted, rejected } = encodeBatch(parseEnvelope(analyticsBody([])), [deep, anEvent(2)]);

  expect(lines(accepted).map(({ id }) => id)).toEqual(['event-2']);
  expect(lines(rejected)).toEqual([{ field: 'data.events.0', rule: 'must be an object', event: null, ...origin }]);
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

    expect(lines(accepted)).toEqual(events.map((event) => ({ ...event, ...origin })));
    expect(lines(rejected)).toMatchObject([{ event: { wrong: scripts } }]);
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
    expect(lines(accepted).map(({ id }) => id)).toEqual(field ? ['event-2'] : ['event-1', 'event-2']);
    expect(lines(rejected)).toMatchObject(field ? [{ field: `data.events.0.${field}`, rule }] : []);
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
