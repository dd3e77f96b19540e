import fc from 'fast-check';
import { jobIdOf, parseEnvelope } from '../../../lib/jobs/envelope';
import { deduplicationId, recordKey } from '../../../lib/jobs/keys';
import { anEnvelope, PREFIX } from '../../support/engine';
import { sampleEngine } from '../../support/sample-contract';

const json = (changes: Record<string, unknown> = {}) => JSON.stringify(anEnvelope(changes));
const start = () => sampleEngine();

test.each([
  ['Python', { time: '2026-01-02T04:04:05.123456+01:00', datacontenttype: 'application/json' }],
  ['Go', { time: '2026-01-02T03:04:05.123456789Z', datacontenttype: 'application/json; charset=utf-8' }],
  ['C#', { time: '2026-01-01T20:04:05.1234567-07:00', datacontenttype: 'application/json;charset="UTF-8"' }],
  ['Java', { time: '2026-01-02T03:04:05Z', subject: null, dataschema: null, traceparent: null }],
])('an event as the SDK of %s writes it is done, and its record is under the UTC hour', async (_language, changes) => {
  const { engine, effects } = start();

  await engine.sendAndDeliver(json({ id: 'evt_2/7', ...changes }));

  const id = jobIdOf({ source: String(anEnvelope().source), id: 'evt_2/7' });
  expect(effects).toEqual([id]);
  expect(Object.keys(engine.records())).toEqual([
    recordKey(PREFIX, { queue: 'sample', id, time: Date.parse('2026-01-02T03:04:05Z') }),
  ]);
});

test('an id that is a UUID stays the id of the job, in upper case too', () => {
  for (const id of ['0B1F0C2E-6E8B-4F3C-9C3C-6A1B7D2E4F50', '0b1f0c2e-6e8b-4f3c-9c3c-6a1b7d2e4f50'])
    expect(parseEnvelope(json({ id })).id).toBe(id);
});

test('any other id becomes a UUID that is safe in keys, paths and deduplication ids, and the same each time', () => {
  const texts = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 });
  const nasty = fc.constantFrom('invalid/1', '../../x', 'a#b', '\ud800', '\u0000', 'x'.repeat(1024), '{}', '…');
  fc.assert(
    fc.property(fc.oneof(texts, nasty), (text) => {
      const { id } = parseEnvelope(json({ id: text }));

      expect(id).toMatch(/^[0-9a-f-]{36}$/);
      expect(parseEnvelope(json({ id: text })).id).toBe(id);
      expect(deduplicationId.unread(id, id).length).toBeLessThanOrEqual(128);
    }),
  );
});

test('the id follows from source and id as in any language, for example Python: uuid5(NAMESPACE, f"{source}\\n{id}")', () => {
  expect(jobIdOf({ source: '/shop', id: 'order-1' })).toBe('abe2ad99-2cf6-528e-9f1e-fe032c31e33f');
});
