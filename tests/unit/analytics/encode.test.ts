import { gunzipSync } from 'node:zlib';
import { type Encoded, encodeBatch } from '../../../lib/analytics/encode';
import { parseEnvelope } from '../../../lib/jobs/envelope';
import { analyticsBody, anEvent, someEvents } from '../../support/analytics';
import { jobId } from '../../support/engine';

function encode(events: unknown[], changes: Record<string, unknown> = {}) {
  const envelope = parseEnvelope(analyticsBody(events, changes));
  return encodeBatch(envelope, (envelope.data as { events: unknown[] }).events);
}

const lines = (encoded: Encoded | undefined): Record<string, unknown>[] =>
  gunzipSync(encoded?.bytes ?? '')
    .toString('utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const origin = { job: jobId(1), source: '/my/api/producer-1', group: 'shard-3', sequence: 1 };

test('each event becomes a line with its origin', () => {
  const { accepted, rejected, names } = encode([anEvent(1), anEvent(2, { name: 'purchase' })]);

  expect(lines(accepted)).toEqual([
    { ...anEvent(1), ...origin },
    { ...anEvent(2, { name: 'purchase' }), ...origin },
  ]);
  expect(accepted?.events).toBe(2);
  expect(rejected).toBeUndefined();
  expect([...names]).toEqual([
    ['screen_viewed', 1],
    ['purchase', 1],
  ]);
});

test('an invalid event is rejected alone with field and rule', () => {
  const { accepted, rejected } = encode([anEvent(1), { ...anEvent(2), name: 7 }, anEvent(3)]);

  expect(lines(accepted).map(({ id }) => id)).toEqual(['event-1', 'event-3']);
  expect(lines(rejected)).toEqual([
    {
      field: 'data.events.1.name',
      rule: 'must be 1 to 100 letters, digits, spaces or _.:/- and start with a letter',
      event: { ...anEvent(2), name: 7 },
      ...origin,
    },
  ]);
});

test('only the first of several events with the same id in a message is accepted', () => {
  const { accepted, rejected } = encode([anEvent(1), anEvent(1, { name: 'other' }), anEvent(2)]);

  expect(lines(accepted).map(({ id }) => id)).toEqual(['event-1', 'event-2']);
  expect(lines(rejected)).toMatchObject([{ field: 'data.events.1.id', event: { name: 'other' } }]);
});

test('the same message makes the same bytes', () => {
  const events = [...someEvents(1, 50), { wrong: true }];

  const [first, again] = [encode(events), encode(events)];

  expect(Buffer.compare(first.accepted?.bytes ?? Buffer.of(1), again.accepted?.bytes ?? Buffer.of())).toBe(0);
  expect(Buffer.compare(first.rejected?.bytes ?? Buffer.of(1), again.rejected?.bytes ?? Buffer.of())).toBe(0);
});

test('a message from another producer may have no sequence and no group', () => {
  const { accepted } = encode([anEvent(1)], { sequence: undefined, partitionkey: undefined });

  expect(lines(accepted)).toMatchObject([{ sequence: null, group: null }]);
});

test('an event that is nested too deep to be written keeps the reason of its rejection', () => {
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) as unknown;
  const body = analyticsBody(['DEEP', anEvent(2)]);
  const envelope = parseEnvelope(body);

  const { accepted, rejected } = encodeBatch(envelope, [deep, anEvent(2)]);

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
