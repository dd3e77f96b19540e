import { createHash } from 'node:crypto';
import fc from 'fast-check';
import * as z from 'zod';
import { envelopeSchema, parseOrPark, payloadHash } from '../../../lib/jobs/envelope';
import { rowOfEnvelope } from '../../../lib/jobs/row';
import { anEnvelope } from '../../support/engine';

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
  const datasha256 = createHash('sha256')
    .update(JSON.stringify({ a: 1 }))
    .digest('hex');
  const referenced = envelope({ data: undefined, dataref: 'jobs/_data/x', datasha256 });

  expect(payloadHash(referenced)).toBe(payloadHash(inline));
  // A read of such a key never ends well, so its job would never end.
  for (const dataref of ['x'.repeat(341), 'jobs/_data/\ud800'])
    expect(() => envelope({ dataref, datasha256 })).toThrow('dataref');
});

test('the field of an error names what a schema names, and hides a name that may be an address', () => {
  const schema = z.record(z.string(), z.strictObject({ startedAt: z.number() }));
  const refuse = (name: string) => () => parseOrPark(schema, { [name]: {} }, 'row.steps');

  expect(refuse('ticket')).toThrow(expect.objectContaining({ field: 'row.steps.ticket.startedAt' }));
  expect(refuse('jane@example.com')).toThrow(expect.objectContaining({ field: 'row.steps.*.startedAt' }));
  expect(refuse('jane@example.com')).toThrow('row.steps.*.startedAt: must be');
});
