import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import * as z from 'zod';
import { sha256 } from '../../../lib/engine/jobs/envelope';
import { bodyKey, jobKey } from '../../../lib/engine/jobs/keys';
import { personOf } from '../../../lib/engine/jobs/person-hash';
import { erasePerson } from '../../../lib/operate/ops/erase';
import { stateOf } from '../../../lib/operate/ops/operator';
import { type Found, findPerson } from '../../../lib/operate/ops/person';
import type { Person } from '../../../lib/operate/ops/search';
import { PermanentError, StopError } from '../../../lib/platform/errors';
import { countsIn } from '../../../lib/queues/analytics/counts';
import { writeHours } from '../../../lib/queues/analytics/hours';
import { countsKey, HOUR_MS, hourIn, hourStart, parquetPrefix, SETTLE_MS } from '../../../lib/queues/analytics/keys';
import { propertyColumnsOf } from '../../../lib/queues/analytics/parquet';
import { analyticsContract } from '../../../lib/queues/analytics/process';
import { hoursKey } from '../../../lib/queues/analytics/queue';
import { startFakeZendesk } from '../../../packages/local/fakes/zendesk';
import { ACCEPTED_AT, analyticsBody, anEvent, someEvents, viewAt } from '../../support/analytics';
import { envelope, jobId, memoryEngine, PREFIX } from '../../support/engine';
import { hashed } from '../../support/hash-people';
import { command } from '../../support/operator';
import { sampleOf } from '../../support/sample-contract';

const ANN = 'ann@example.com';
const BOB = 'bob@example.com';
const hashOf = (email: string) => hashed(personOf(email))[0];

/** Ann's job 1 is dead and 2 succeeded, and Bob's job 3 is dead. */
async function startJobs() {
  const process = async ({ id }: { id: string }) => {
    if (id !== jobId(2)) throw new PermanentError({ code: 'Rejected', message: 'rejected', field: 'data.email' });
  };
  const engine = memoryEngine(() => sampleOf({ schema: z.object({ email: z.string() }), process }));
  for (const [n, email] of [ANN, ANN, BOB].entries())
    await engine.accept(envelope(n + 1, { person: hashOf(email), data: { email } }));
  await engine.deliver();
  return engine;
}

const found = (lines: string[]) => lines.map((line) => JSON.parse(line) as { place: string; job?: string });

test('sls privacy find prints a line for each thing about the person, after reads and price. --rows leaves the records out', async () => {
  const engine = await startJobs();

  const { lines, notes } = await command(engine, 'privacy find', { email: 'ANN@example.com' });
  const rows = await command(engine, 'privacy find', { email: ANN, rows: true });

  expect(found(lines).map(({ place, job }) => [place, job])).toEqual([
    ['rows', jobId(1)],
    ['bodies', jobId(1)],
    ['rows', jobId(2)],
    ['records', undefined],
    ['records', undefined],
  ]);
  expect(found(rows.lines)).toEqual(found(lines).slice(0, 3));
  expect(lines.join()).not.toContain(BOB);
  expect(notes.slice(0, 2)).toEqual([
    'Reads the rows by an index, and 5 objects: 2 of bodies, 3 of records.',
    'S3 bills about 0.00 USD, and 0.09 for each GB that leaves its region.',
  ]);
  await expect(command(engine, 'privacy find', {})).rejects.toThrow('Give --email, --user or both.');
});

test('sls privacy find writes a file for each place, and all files of the person, also of one name or named like a place', async () => {
  const out = mkdtempSync(join(tmpdir(), 'person-'));
  const engine = await startJobs();
  const names = ['1/screen.png', '2/screen.png', '2/rows.ndjson'];
  const files = names.map((name) => `jobs/_attachments/sample/by/${name}`);
  for (const key of files) await engine.objects.put(key, key, 'image/png');
  await engine.deps.ledger.update(jobKey('sample', jobId(1)), (row) => ({ ...row, files }));

  const { lines } = await command(engine, 'privacy find', { email: ANN, out });

  expect(lines).toEqual([]);
  expect(readFileSync(join(out, 'bodies.ndjson'), 'utf8')).toContain(ANN);
  const texts = readdirSync(out).map((name) => readFileSync(join(out, name), 'utf8'));
  expect(files.filter((key) => !texts.includes(key))).toEqual([]);
  expect(readFileSync(join(out, 'rows.ndjson'), 'utf8')).toContain(jobId(1));
  rmSync(out, { recursive: true });
});

test('sls privacy erase shows what it found, erases it, and reports without personal data', async () => {
  const engine = await startJobs();
  const bob = () => engine.objects.keys().filter((key) => engine.objects.text(key).includes(hashOf(BOB) ?? BOB));
  const before = bob();

  const { lines, json } = await command(engine, 'privacy erase', { email: ANN }, 'yes');

  expect(lines).toEqual(['PLACE    FOUND', 'rows     2', 'bodies   1', 'records  2']);
  expect(json).toMatchObject({ erased: { rows: 2, bodies: 1 }, left: [], audit: expect.any(String) });
  expect(JSON.stringify([json, engine.lines, engine.rows().slice(0, 2)])).not.toMatch(`${ANN}|${hashOf(ANN)}`);
  expect(engine.rows().map(stateOf)).toEqual(['discarded (error), erased', 'succeeded, erased', 'dead (error)']);
  expect(bob()).toEqual(before);
  await engine.reconcile();
  expect(engine.deadLetters().map(({ body }) => body)).toEqual([expect.stringContaining(BOB)]);
  await expect(command(engine, 'jobs retry', { id: jobId(1) })).rejects.toThrow('was erased');
});

test("sls privacy erase deletes the person's tickets for good with an operator's token, and names what stays", async () => {
  const zendesk = await startFakeZendesk({ email: 'agent@example.com', token: 'token' });
  const { url: endpoint, authorization } = zendesk;
  const requester = { name: 'Ann', email: ANN };
  const ticket = { external_id: jobId(2), subject: 'Help', comment: { body: 'Help' }, requester };
  const asked = { method: 'POST', headers: { authorization } };
  for (const made of [ticket, { ...ticket, requester: { name: 'Bob', email: BOB } }])
    await fetch(`${endpoint}/tickets.json`, { ...asked, body: JSON.stringify({ ticket: made }) });
  const engine = await startJobs();
  const steps = (id: string) => ({ ticket: { status: 'done' as const, startedAt: 1, result: { id } } });
  for (const [n, id] of ['1', '77'].entries())
    await engine.deps.ledger.update(jobKey('sample', jobId(n + 1)), (row) => ({ ...row, steps: steps(id) }));
  Object.assign(engine.deps, { zendesk: { endpoint, authorization } });

  const { lines, json } = await command(engine, 'privacy erase', { email: ANN }, 'yes');
  await zendesk.close();

  expect(lines).toContain('tickets in Zendesk  2');
  const byHand = [{ vendor: 'zendesk', tickets: ['77'] }, {}, {}];
  expect(json).toMatchObject({ inZendesk: { deleted: { 1: 'job-1' } }, byHand });
  expect(zendesk.tickets.map(({ id }) => id)).toEqual([2]);
});

test('sls privacy erase changes nothing without a yes', async () => {
  const engine = await startJobs();
  const before = engine.table.items();

  const { lines } = await command(engine, 'privacy erase', { email: ANN }, 'no');

  expect(lines.at(-1)).toBe('Nothing was changed.');
  expect(engine.table.items()).toEqual(before);
});

const HOUR = hourStart(Date.parse(ACCEPTED_AT));
const COLUMNS = [
  ['screen', 'text'],
  ['ms', 'number'],
] as const;

/** Two messages in one hour: events of user-1 to user-6, and two that name an address. One more event is rejected. */
async function startEvents() {
  const metrics = { add: () => {}, flush: async () => {} };
  const engine = memoryEngine(({ objects }) => analyticsContract({ objects, metrics, prefix: PREFIX }));
  const { clock, deps, objects } = engine;
  clock.advance(HOUR + 5 * 60_000 - clock.now());
  const named = anEvent(8, { properties: { note: `from Ann <${ANN.toUpperCase()}>` } });
  const other = anEvent(9, { properties: { note: `jo${ANN}` } });
  const bodies = [
    analyticsBody([...someEvents(1, 3), named, { ...anEvent(10), user: 'user-3', name: '' }]),
    analyticsBody([...someEvents(4, 6), other], { n: 2 }),
  ];
  for (const body of bodies) await engine.sendAndDeliver(body);
  const hours = () =>
    writeHours(
      { ...deps, columns: COLUMNS, onePartBytes: 1e6, mostBytes: 1e9, mostObjects: 1e6, block: 256 },
      { remainingMs: 300_000 },
    );
  clock.advance(HOUR + HOUR_MS + SETTLE_MS - clock.now());
  await hours();
  return {
    ...{ engine, bodies, hours },
    erase: async (person: Person) => {
      const found: Found[] = [];
      for await (const one of findPerson(deps, person)) found.push(one);
      return erasePerson(deps, person, { found });
    },
    /** The numbers of the events that readers see, and of those in Parquet alone. */
    seen: async () =>
      (await viewAt(objects, clock.now())).map(({ event_id }) => Number(event_id.slice('event-'.length))).sort(),
    text: () =>
      objects
        .keys()
        .filter((key) => key.endsWith('.gz'))
        .map((key) => gunzipSync(objects.bytes(key)))
        .join(''),
  };
}

test.each<[string, Person, number[]]>([
  ['of a user', { user: 'user-3' }, [3]],
  ['that name an address', { email: ANN }, [8]],
  ['of both', { email: ANN, user: 'user-3' }, [3, 8]],
])('the events %s leave originals and Parquet, and no repeat brings them back', async (_what, person, gone) => {
  const { engine, bodies, hours, erase, seen, text } = await startEvents();
  const before = await seen();
  const counted = () => countsIn(engine.objects.bytes(countsKey(PREFIX, HOUR)), 1)?.events;
  expect(counted()).toBe(8);

  const { left } = await erase(person);
  expect(counted()).toBe(8 - gone.length);
  // SQS delivers the messages once more, and the hour is written again.
  engine.clock.advance(HOUR_MS);
  for (const body of bodies) await engine.sendAndDeliver(body);
  await engine.deps.table.delete(hoursKey, Number((await engine.deps.table.get(hoursKey))?.version));
  await hours();

  expect(left).toEqual([]);
  expect(await seen()).toEqual(before.filter((number) => !gone.includes(number)));
  if (person.user) expect(text()).not.toContain(person.user);
  const [part = ''] = await engine.objects.list(hourIn(parquetPrefix(PREFIX), HOUR));
  expect(propertyColumnsOf(engine.objects.bytes(part))).toEqual(COLUMNS);
});

/** Ways to write Ann's address, alone and in a text. */
const letters = fc.constantFrom(ANN, ANN.toUpperCase(), 'Ann+news@Example.com', ANN.replace('@', '\uff20'));
const escaped = (sign: (code: string) => string) => (text: string) =>
  text.replace('@', sign('@'.charCodeAt(0).toString(16)));
const escapes = fc.constantFrom(
  (text: string) => text,
  ...[escaped((code) => `%${code}`), escaped((code) => `%25${code}`), escaped((code) => `\\u00${code}`)],
  ...[escaped((code) => `&#x${code};`), encodeURIComponent],
);
const around = fc.constantFrom(
  ...[
    '@',
    '<@>',
    '[@]',
    '(@),',
    'to @.',
    '@!',
    '/u/@/',
    '/?email=@&x=1',
    'user=@',
    'dev|@',
    'mailto:@',
    '"@"',
    'a;@;b',
  ],
  ...['x:@?', '{"to":"@"}', 'line\n@\nline', '*@*', '…@…', '@, bob'],
);
const forms = fc
  .tuple(letters, escapes, around)
  .map(([address, inCode, text]) => text.replaceAll('@', inCode(address)));
const MARK = 'mark-of-ann';

const IN_HOUR = 'year=2026/month=01/day=02/hour=03';

/** What a program or a person can have stored: in which folder, under which ending, and what. */
const STORED: [folder: string, ending: string, object: (n: number, form: string) => unknown][] = [
  [`analytics-originals/${IN_HOUR}`, '.ndjson.gz', (n, form) => anEvent(n, { properties: { [MARK]: form } })],
  [`analytics-late/${IN_HOUR}`, '.ndjson.gz', (n, form) => ({ ...anEvent(n), session: form, mark: MARK })],
  [`analytics-rejected/${IN_HOUR}`, '.ndjson.gz', (_, form) => ({ event: { deep: [{ [form]: MARK }] } })],
  [`analytics-rejected/${IN_HOUR}`, '.ndjson.gz', (_, form) => ({ event: MARK, source: form })],
  ['_data/sample', '', (_, form) => `${form} ${MARK}`],
  ['_attachments/emails/by/a', '.csv', (_, form) => `bob@example.com\n${form.replaceAll('\n', ' ')},${MARK}\n`],
];

test('a person is erased in 200 random forms and places, and no store has a byte of them', async () => {
  const marks = fc.array(fc.tuple(fc.constantFrom(...STORED), forms), { minLength: 200, maxLength: 200 });
  const check = fc.asyncProperty(marks, async (given) => {
    const engine = await startJobs();
    Object.assign(engine.deps, { queueNames: ['sample', 'emails'] });
    for (const [n, [[folder, ending, object], form]] of given.entries()) {
      const made = object(n, form);
      const text = typeof made === 'string' ? made : `${JSON.stringify(made)}\n`;
      const bytes = ending.endsWith('gz') ? gzipSync(text) : text;
      await engine.objects.put(`${PREFIX}/${folder}/${jobId(n + 10)}${ending}`, bytes, 'text/plain');
    }

    const { json } = await command(engine, 'privacy erase', { email: ANN }, 'yes');

    expect(json).toMatchObject({ left: [] });
    const stored = engine.objects.keys().map((key) => {
      const bytes = engine.objects.bytes(key);
      return key.endsWith('.gz') ? gunzipSync(bytes).toString() : Buffer.from(bytes).toString();
    });
    expect(stored.filter((text) => text.includes(MARK))).toEqual([]);
    expect(JSON.stringify(engine.table.items())).not.toContain(ANN);
  });
  await fc.assert(check, { numRuns: 1 });
});

test("a direct sender's held and dead jobs with large data are erased before they run", async () => {
  let fails = true;
  const effects: string[] = [];
  const schema = z.object({ email: z.string(), pad: z.string() });
  const process = async ({ id, data }: { id: string; data: { pad: string } }) => {
    if (fails && data.pad === 'held') throw new StopError({ code: 'Unauthorized', message: 'no', vendor: 'zendesk' });
    if (fails) throw new PermanentError({ code: 'Rejected', message: 'rejected', field: 'data.email' });
    effects.push(id);
  };
  const engine = memoryEngine(() => sampleOf({ schema, process }));
  for (const [n, pad] of ['held', 'dead'].entries()) {
    const data = JSON.stringify({ email: 'ANN+tag@example.com', pad });
    const dataref = `${PREFIX}/_data/sample/${jobId(n + 1)}/${sha256(data)}`;
    await engine.objects.put(dataref, data, 'application/json');
    await engine.sendAndDeliver(envelope(n + 1, { data: undefined, dataref, datasha256: sha256(data) }));
  }
  expect(engine.rows().map(stateOf)).toEqual(['held (vendor stopped)', 'dead (error)']);

  const { json } = await command(engine, 'privacy erase', { email: ANN }, 'yes');
  fails = false;
  engine.clock.advance(60 * 60_000);
  await engine.reconcile();
  await engine.deliver();

  expect(json).toMatchObject({ left: [] });
  expect(engine.rows().map(stateOf)).toEqual(['cancelled (operator), erased', 'discarded (error), erased']);
  expect(effects).toEqual([]);
  expect(engine.objects.keys().filter((key) => /_data|_bodies/.test(key))).toEqual([]);
});

test.each([
  ['that the body of its job leads to', {}, []],
  ['that its hash leads to', { person: hashed(personOf(ANN))[0], time: 1 }, ['rows']],
])('a row that does not parse, and %s, is left and named with its body', async (_how, fields, places) => {
  const { engine, erase, seen } = await startEvents();
  const row = jobKey('feedback', 'job-1');
  const key = bodyKey(PREFIX, 'feedback', 'job-1');
  await engine.deps.table.put({ key: row, version: 1, writer: '', ...fields }, 0);
  await engine.objects.put(key, JSON.stringify({ data: { user: { email: ANN } } }), 'application/json');

  const { left } = await erase({ email: ANN });

  expect(left).toEqual([
    ...places.map((place) => ({ place, key: row, why: 'RowDamaged' })),
    { place: 'bodies', key, why: expect.stringContaining('Restore the row') },
  ]);
  expect(await seen()).not.toContain(8);
});
