import { publicForm, sha256 } from '../../../lib/jobs/envelope';
import { bodyKey } from '../../../lib/jobs/keys';
import { MAX_MESSAGE_BYTES, PLACEHOLDER } from '../../../lib/jobs/messages';
import { BUCKET, envelope, jobId, PREFIX } from '../../support/engine';
import { sampleEngine } from '../../support/sample-contract';

const SECRET = 'private-value@example.com';
const DEEP = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
const json = (changes: Record<string, unknown>) => envelope(1, changes);
/** A message whose data is `text` in the bucket. */
const referring = (n: number, dataref: string, text = '') =>
  envelope(n, { data: undefined, dataref, datasha256: sha256(text) });

test.each([
  ['is not JSON', `not json ${SECRET}`, 'NotJson', undefined],
  ['is empty JSON', 'null', 'InvalidEnvelope', '(body)'],
  ['is not a CloudEvent', JSON.stringify({ email: SECRET }), 'InvalidEnvelope', 'specversion'],
  ['has an id that is not text', json({ id: 7 }), 'InvalidEnvelope', 'id'],
  ['has an empty id', json({ id: '' }), 'InvalidEnvelope', 'id'],
  ['has no time', json({ time: undefined }), 'InvalidEnvelope', 'time'],
  ['has an invalid time', json({ time: SECRET }), 'InvalidEnvelope', 'time'],
  ['has a time without a zone', json({ time: '2026-01-02T03:04:05' }), 'InvalidEnvelope', 'time'],
  ['has a time outside the years of UTC', json({ time: '9999-12-31T23:59:59-01:00' }), 'InvalidEnvelope', 'time'],
  ['has data of another type', json({ datacontenttype: 'application/xml' }), 'InvalidEnvelope', 'datacontenttype'],
  ['has control characters in its source', json({ source: 'a\u0000b' }), 'InvalidEnvelope', 'source'],
  ['belongs to another queue', json({ type: 'other.done.v1' }), 'WrongType', 'type'],
  ['has a type that every object has', json({ type: 'constructor' }), 'WrongType', 'type'],
  ['has the type of a prototype', json({ type: '__proto__' }), 'WrongType', 'type'],
  ['has a version that this code does not know', json({ type: 'sample.done.v2' }), 'WrongType', 'type'],
  ['has a field of the wrong type', json({ data: { name: 7 } }), 'InvalidField', 'data.name'],
  ['has a field that is too long', json({ data: { name: SECRET } }), 'InvalidField', 'data.name'],
  ['has an unknown field', json({ data: { [SECRET]: 1 } }), 'InvalidField', 'data'],
  ['has no data', json({ data: undefined }), 'InvalidField', 'data'],
  ['is nested 200,000 deep', `{"a":${DEEP}}`, 'InvalidEnvelope', 'specversion'],
  ['has data nested 200,000 deep', json({ data: 'DEEP' }).replace('"DEEP"', DEEP), 'TooDeep', 'data'],
  ['names data in another bucket', referring(1, 's3://other/x'), 'InvalidDataref', 'dataref'],
  ['names data outside its prefix', referring(1, `${PREFIX}/_data/other/x`), 'InvalidDataref', 'dataref'],
  ['names data that is missing', referring(1, `${PREFIX}/_data/sample/x`), 'DatarefMissing', 'dataref'],
])(
  'a message that %s is parked with code and field, in its own row and record, without any of its values',
  async (_what, body, code, field) => {
    const { engine, effects } = sampleEngine();

    const response = await engine.sendAndDeliver(body);

    expect(response).toEqual({ batchItemFailures: [] });
    const [row, ...others] = engine.rows();
    expect(others).toEqual([]);
    expect(row).toMatchObject({ state: 'dead', reason: 'error', error: { class: 'permanent', code } });
    expect(row?.error?.field).toBe(field);
    expect(Object.keys(engine.records())).toHaveLength(1);
    const [entry] = engine.deadLetters();
    expect(entry?.body).toBe(body);
    expect(effects).toEqual([]);
    const output = JSON.stringify([engine.lines, engine.metrics, row, engine.records(), entry?.attributes]);
    expect(output).not.toContain(SECRET);
  },
);

test('data behind a reference, by key or by URI, is read if its hash is right, and deleted if its job had it from our producer and is done', async () => {
  const { engine, effects } = sampleEngine();
  const data = JSON.stringify({ name: 'a' });
  const dataref = `${PREFIX}/_data/sample/one`;
  const [done = '', dead = ''] = [jobId(5), jobId(3)].map((id) => `${PREFIX}/_data/sample/${id}/hash`);
  for (const key of [dataref, done, dead]) await engine.objects.put(key, data, 'application/json');
  engine.send(referring(1, dataref, data));
  engine.send(referring(2, `s3://${BUCKET}/${dataref}`, data));
  engine.send(referring(3, dead, 'changed'));
  engine.send(envelope(4, { dataref, datasha256: sha256(data) }));
  engine.send(referring(5, done, data));

  await engine.deliver();

  expect(effects).toEqual([1, 2, 5].map(jobId));
  expect(engine.row(jobId(3))).toMatchObject({ state: 'dead', error: { code: 'DatarefChanged', field: 'dataref' } });
  expect(engine.row(jobId(4))).toMatchObject({ state: 'dead', error: { code: 'InvalidDataref', field: 'dataref' } });
  // That of the dead job stays for a retry, and that of two jobs is not ours.
  expect(engine.objects.keys().filter((key) => key.includes('/_data/'))).toEqual([dead, dataref]);
});

test.each([
  ['a valid envelope', jobId(1), (filler: string) => json({ data: { name: filler } }), 'InvalidField'],
  ['not JSON', undefined, (filler: string) => `no json ${filler}`, 'NotJson'],
])(
  'a body of 1 MiB that is %s is parked with its reason, kept in S3, and redriven in full',
  async (_what, id, make, code) => {
    const { engine } = sampleEngine();
    const room = MAX_MESSAGE_BYTES - Buffer.byteLength(make(''));
    const body = make('x'.repeat(room));
    const messageId = engine.send(body);
    const job = id ?? `invalid/${messageId}`;

    await engine.deliver();

    const [entry] = engine.deadLetters();
    expect(entry?.body).toBe(PLACEHOLDER);
    expect(engine.objects.text(bodyKey(PREFIX, 'sample', job))).toBe(body);
    expect(engine.row(job)).toMatchObject({ state: 'dead', error: { code } });

    engine.redrive();
    await engine.deliver();

    // The redrive opens the same job again, and makes no new one.
    expect(engine.rows()).toHaveLength(1);
    expect(engine.row(job)).toMatchObject({ state: 'dead', generation: 2, error: { code } });
  },
);

const SHOP = 'https://example.com/shop?page=1#top';
const HIDDEN_GROUP = { group: 'hidden', deliveries: [{ messageId: expect.any(String) }] };

test.each<[string, Record<string, unknown>, object, string?]>([
  ['source', { source: `mailto:${SECRET}` }, { state: 'succeeded', source: 'hidden' }],
  ['subject, beside a URL as source,', { subject: SECRET, source: SHOP }, { state: 'succeeded', source: SHOP }],
  ['correlation id', { correlationid: SECRET }, { state: 'succeeded', correlationId: 'hidden' }],
  ['type', { type: SECRET }, { state: 'dead', type: 'hidden', error: { code: 'WrongType' } }],
  ['message group', { data: {} }, { state: 'succeeded', ...HIDDEN_GROUP }, SECRET],
  ['message group, parked,', { data: 7 }, { state: 'dead', ...HIDDEN_GROUP }, SECRET],
])('a job shows its %s nowhere if that is an address', async (_what, changes, shown, group = 'g') => {
  const { engine } = sampleEngine();

  await engine.sendAndDeliver(json(changes), { group });

  expect(engine.rows()).toMatchObject([shown]);
  const entries = engine.deadLetters().map(({ attributes, groupId }) => [attributes, groupId]);
  expect(JSON.stringify([engine.rows(), engine.records(), engine.lines, entries])).not.toContain(SECRET);
});

test.each([
  ['Root=1-67891233-abcdef012345678912345678', 'hidden'],
  ['+491511234567', 'hidden'],
  ['0151-123.45_67', 'hidden'],
  ['491511234567491511234567', 'hidden'],
  ['req_7f.a:b-c', 'req_7f.a:b-c'],
  ['12345678-1234-4234-8234-123456789012', '12345678-1234-4234-8234-123456789012'],
])('the correlation id %s is shown as %s', (correlationId, shown) => {
  expect(publicForm('correlationId', correlationId)).toBe(shown);
});
