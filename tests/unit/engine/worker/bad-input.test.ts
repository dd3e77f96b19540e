import { publicForm, sha256 } from '../../../../lib/engine/jobs/envelope';
import { bodyKey, jobKey, recordKey } from '../../../../lib/engine/jobs/keys';
import { MAX_MESSAGE_BYTES, PLACEHOLDER } from '../../../../lib/engine/jobs/messages';
import type { Item } from '../../../../lib/platform/ports';
import { acceptedRow } from '../../../support/accepted-row';
import { damagedItem } from '../../../support/damage';
import { spendReceives } from '../../../support/dead-letters';
import { anEnvelope, BUCKET, type Engine, envelope, jobId, PREFIX } from '../../../support/engine';
import { sampleEngine } from '../../../support/sample-contract';

const DAY_MS = 86_400_000;
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
  [
    'names data that is missing',
    referring(1, `${PREFIX}/_data/sample/${jobId(1)}/${sha256('')}`),
    'DatarefMissing',
    'dataref',
  ],
])('a message that %s gets a dead row with code and field, without its values', async (_what, body, code, field) => {
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
});

test('data behind a reference, by key or by URI, is read if its key has job and hash, and deleted when its job is done', async () => {
  const { engine, effects } = sampleEngine();
  const data = JSON.stringify({ name: 'a' });
  const [one = '', two = '', dead = ''] = [1, 2, 3].map((n) => `${PREFIX}/_data/sample/${jobId(n)}/${sha256(data)}`);
  for (const key of [one, two]) await engine.objects.put(key, data, 'application/json');
  await engine.objects.put(dead, 'changed', 'application/json');
  // As Python writes it.
  engine.send(referring(1, one, data).replaceAll('":', '": '));
  engine.send(referring(2, `s3://${BUCKET}/${two}`, data));
  engine.send(referring(3, dead, data));
  engine.send(envelope(4, { dataref: dead, datasha256: sha256(data) }));
  engine.send(referring(5, dead, data));

  await engine.deliver();

  expect(effects).toEqual([1, 2].map(jobId));
  expect(engine.row(jobId(3))).toMatchObject({ state: 'dead', error: { code: 'DatarefChanged', field: 'dataref' } });
  for (const n of [4, 5])
    expect(engine.row(jobId(n))).toMatchObject({ state: 'dead', error: { code: 'InvalidDataref', field: 'dataref' } });
  // That of a dead job stays for a retry.
  expect(engine.objects.keys().filter((key) => key.includes('/_data/'))).toEqual([dead]);
});

test.each([
  ['a valid envelope', jobId(1), (filler: string) => json({ data: { name: filler } }), 'InvalidField'],
  ['not JSON', undefined, (filler: string) => `no json ${filler}`, 'NotJson'],
])('a body of 1 MiB that is %s is parked, kept in S3, and redriven in full', async (_what, id, make, code) => {
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
});

const SHOP = 'https://example.com/shop?page=1#top';
const HIDDEN_GROUP = { group: 'hidden', deliveries: [{ messageId: expect.any(String) }] };

test.each<[string, Record<string, unknown>, object, string?]>([
  ['source', { source: `mailto:${SECRET}` }, { state: 'succeeded', source: 'hidden' }],
  ['subject, beside a URL as source,', { subject: SECRET, source: SHOP }, { state: 'succeeded', source: SHOP }],
  ['correlation id', { correlationid: SECRET }, { state: 'succeeded', correlationId: 'hidden' }],
  ['list of fields', { leftout: SECRET }, { state: 'succeeded', warnings: ['leftout'] }],
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

const KEY = jobKey('sample', jobId(1));
const BODY = envelope();

/** A queued job whose row does not parse, and what its row was before. */
async function damagedJob() {
  const { engine, effects } = sampleEngine();
  await engine.deps.ledger.write({ ...acceptedRow(engine.clock.now()), sentAt: engine.clock.now() }, 0);
  const whole = engine.table.item(KEY) as Item;
  await damagedItem(engine.table, KEY, (item) => ({ ...item, steps: true }));
  const damaged = engine.table.item(KEY);
  return { engine, effects, damaged, restore: () => damagedItem(engine.table, KEY, () => whole) };
}

/** The bodies and attributes in the DLQ. */
const entries = (engine: Engine) =>
  engine.deadLetters().map(({ body, attributes }) => ({
    body,
    ...Object.fromEntries(Object.entries(attributes).map(([name, { StringValue }]) => [name, StringValue])),
  }));

test.each<[string, (engine: Engine) => unknown]>([
  ['a worker received', (engine) => engine.sendAndDeliver(BODY, { of: jobId(1) })],
  [
    'SQS dead-lettered',
    (engine) => {
      engine.send(BODY, { of: jobId(1) });
      spendReceives(engine);
    },
  ],
])('a message that %s waits in the DLQ while its row is damaged, is counted, and then runs', async (_who, arrive) => {
  const { engine, effects, damaged, restore } = await damagedJob();

  await arrive(engine);
  await engine.minutes(90);
  const waiting = entries(engine);
  const before = engine.table.item(KEY);
  const counted = engine.metrics.filter(({ name }) => name === 'RowsDamaged').map(({ value }) => value);
  await restore();
  await engine.minutes(20);

  const reason = { reason: 'error', code: 'RowDamaged', field: 'row.steps' };
  expect(waiting).toMatchObject([{ ...reason, body: BODY, job: jobId(1), group: 'g' }]);
  expect(before).toEqual(damaged);
  expect(counted).toEqual(Array(90).fill(1));
  const fact = { fact: 'row-damaged', subject: 'sample', jobId: jobId(1), on: true };
  expect(engine.facts).toContainEqual(expect.objectContaining(fact));
  expect(engine.row(jobId(1)).state).toBe('succeeded');
  expect(effects).toEqual([jobId(1)]);
  expect(engine.deadLetters()).toEqual([]);
});

test('the message of an old job whose record does not parse waits in the DLQ too', async () => {
  const { engine, effects } = sampleEngine();
  const time = engine.clock.now() - 2 * DAY_MS;
  const key = recordKey(PREFIX, { queue: 'sample', time, id: jobId(1) });
  await engine.objects.put(key, '{"record":1', 'application/json');

  await engine.sendAndDeliver(JSON.stringify(anEnvelope({ time: new Date(time).toISOString() })));
  await engine.reconcile();

  expect(entries(engine)).toMatchObject([{ code: 'RowDamaged', field: 'record' }]);
  expect(engine.objects.text(key)).toBe('{"record":1');
  expect(engine.rows()).toEqual([]);
  expect(effects).toEqual([]);
});

test('a job whose kept body is gone, or is no longer its own, ends as dead', async () => {
  for (const kept of [undefined, 'not JSON', JSON.stringify(anEnvelope({ data: { name: 'other' } }))]) {
    const { engine } = sampleEngine();
    await engine.deps.ledger.write(acceptedRow(engine.clock.now()), 0);
    if (kept !== undefined) await engine.objects.put(bodyKey(PREFIX, 'sample', jobId(1)), kept, 'application/json');
    engine.send(PLACEHOLDER, { attributes: { job: jobId(1) }, of: jobId(1) });

    await engine.deliver();

    expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', reason: 'error', error: { code: 'BodyMissing' } });
  }
});

test.each([
  ['no body', JSON.stringify({ body: 'gone' })],
  ['a placeholder', PLACEHOLDER],
  ['its body', BODY],
])('a message of a stranger that names a damaged row and has %s opens nothing after a repair', async (_what, body) => {
  const { engine, effects, restore } = await damagedJob();
  await engine.sendAndDeliver(body, { attributes: { job: jobId(1) } });
  const entry = engine.deadLetters().length;

  await restore();
  await engine.minutes(20);

  expect(entry).toBe(1);
  expect(effects).toEqual([]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'queued', deliveries: [] });
  expect(engine.deadLetters()).toEqual([]);
});
