import { createHash } from 'node:crypto';
import fc from 'fast-check';
import * as z from 'zod';
import { envelopeSchema, parseEnvelope, parseOrPark, payloadHash } from '../../../../lib/engine/jobs/envelope';
import { recordKey } from '../../../../lib/engine/jobs/keys';
import { rowOfEnvelope } from '../../../../lib/engine/jobs/row';
import { anEnvelope, envelope as body, PREFIX } from '../../../support/engine';
import { sampleEngine } from '../../../support/sample-contract';
import { character } from '../../fuzz/random';

const envelope = (changes: Record<string, unknown> = {}) => envelopeSchema.parse(anEnvelope(changes));

test('two deliveries of a job have the same payload hash, even if time and tracing differ', () => {
  const one = envelope({ data: { a: 1 } });
  const other = envelope({ data: { a: 1 }, time: '2026-02-02T00:00:00Z', correlationid: 'c' });

  expect(payloadHash(other)).toBe(payloadHash(one));
});

test('other data or another type gives another payload hash', () => {
  fc.assert(
    fc.property(fc.json(), fc.json(), (a, b) => {
      const [dataA, dataB] = [JSON.parse(a) as unknown, JSON.parse(b) as unknown];
      const same = JSON.stringify(dataA) === JSON.stringify(dataB);
      const equal = payloadHash(envelope({ data: dataA })) === payloadHash(envelope({ data: dataB }));
      return same === equal;
    }),
  );
  expect(payloadHash(envelope({ type: 'x.v1' }))).not.toBe(payloadHash(envelope({ type: 'x.v2' })));
});

test('a salt changes the payload hash, and only the owner of a message gets into its row', () => {
  const [owner, salt] = ['a'.repeat(32), 'b'.repeat(32)];
  const salted = envelope({ owner, salt });

  const row = rowOfEnvelope({ queue: 'sample', group: 'g', now: 0, envelope: salted });

  expect(payloadHash(salted)).not.toBe(payloadHash(envelope()));
  expect(row).toMatchObject({ owner, payloadHash: payloadHash(salted) });
  expect(JSON.stringify(row)).not.toContain(salt);
  expect(() => envelope({ owner: 'client-1' })).toThrow('must be 32 hex digits');
});

test('data behind a reference has the hash of the same data inline', () => {
  const inline = envelope({ data: { a: 1 } });
  const datasha256 = createHash('sha256').update('{"a":1}').digest('hex');
  const referenced = envelope({ data: undefined, dataref: 'jobs/_data/x', datasha256 });

  expect(payloadHash(referenced)).toBe(payloadHash(inline));
  // A read of such a key never ends well, so its job would never end.
  for (const dataref of ['x'.repeat(341), 'jobs/_data/\ud800'])
    expect(() => envelope({ dataref, datasha256 })).toThrow('dataref');
});

test('the field of an error names what a schema names, and hides a name that may be an address', () => {
  const schema = z.record(z.string(), z.strictObject({ startedAt: z.number() }));
  const refuse = (name: string) => () => parseOrPark(schema, { [name]: {} }, { prefix: 'row.steps' });

  expect(refuse('ticket')).toThrow(expect.objectContaining({ field: 'row.steps.ticket.startedAt' }));
  expect(refuse('jane@example.com')).toThrow(expect.objectContaining({ field: 'row.steps.*.startedAt' }));
  expect(refuse('jane@example.com')).toThrow('row.steps.*.startedAt: must be');
});

test.each([
  ['Python', { time: '2026-01-02T04:04:05.123456+01:00', datacontenttype: 'application/json' }],
  ['Go', { time: '2026-01-02T03:04:05.123456789Z', datacontenttype: 'application/json; charset=utf-8' }],
  ['C#', { time: '2026-01-01T20:04:05.1234567-07:00', datacontenttype: 'application/json;charset="UTF-8"' }],
  ['Java', { time: '2026-01-02T03:04:05Z', subject: null, dataschema: null, traceparent: null }],
])('an event as the SDK of %s writes it is done, and its record is under the UTC hour', async (_language, changes) => {
  const { engine, effects } = sampleEngine();

  const id = '0b1f0c2e-6e8b-4f3c-9c3c-6a1b7d2e4f50';
  await engine.sendAndDeliver(body(1, { id, ...changes }));

  expect(effects).toEqual([id]);
  const key = recordKey(PREFIX, { queue: 'sample', id, time: Date.parse('2026-01-02T03:04:05Z') });
  expect(Object.keys(engine.records())).toEqual([key]);
});

test('an id that is a UUID stays the id of the job, in upper case too', () => {
  for (const id of ['0B1F0C2E-6E8B-4F3C-9C3C-6A1B7D2E4F50', '0b1f0c2e-6e8b-4f3c-9c3c-6a1b7d2e4f50'])
    expect(parseEnvelope(body(1, { id })).id).toBe(id);
});

test('any id that is no UUID is refused, so that each is safe in keys, paths and deduplication ids', () => {
  const texts = fc.string({ unit: character, minLength: 1, maxLength: 60 });
  const nasty = fc.constantFrom('invalid/1', '../../x', 'a#b', '\ud800', '\u0000', 'x'.repeat(1024), '{}', '…');
  fc.assert(
    fc.property(fc.oneof(texts, nasty), (text) => {
      expect(() => parseEnvelope(body(1, { id: text }))).toThrow(expect.objectContaining({ field: 'id' }));
    }),
  );
});
