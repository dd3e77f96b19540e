import { gunzipSync } from 'node:zlib';
import { writeHours } from '../../../lib/analytics/hours';
import { HOUR_MS, hourIn, hourStart, parquetPrefix, SETTLE_MS } from '../../../lib/analytics/keys';
import { propertyColumnsOf } from '../../../lib/analytics/parquet';
import { analyticsContract } from '../../../lib/analytics/process';
import { takeLease } from '../../../lib/jobs/items';
import { bodyKey, hoursKey, jobKey } from '../../../lib/jobs/keys';
import { personOf } from '../../../lib/jobs/person-hash';
import { erasePerson } from '../../../lib/ops/erase';
import { type Found, findPerson } from '../../../lib/ops/person';
import type { Person } from '../../../lib/ops/search';
import { ACCEPTED_AT, analyticsBody, anEvent, someEvents, viewAt } from '../../support/analytics';
import { memoryEngine, PREFIX } from '../../support/engine';
import { hashed } from '../../support/hash-people';

const HOUR = hourStart(Date.parse(ACCEPTED_AT));
const COLUMNS = [
  ['screen', 'text'],
  ['ms', 'number'],
] as const;
const EMAIL = 'ann@example.com';

/** Two messages in one hour: events of user-1 to user-6, and two that name an address. One more event is rejected. */
async function start() {
  const metrics = { add: () => {}, flush: async () => {} };
  const engine = memoryEngine(({ objects }) => analyticsContract({ objects, metrics, prefix: PREFIX }));
  const { clock, deps, objects } = engine;
  clock.advance(HOUR + 5 * 60_000 - clock.now());
  const named = anEvent(8, { properties: { note: `from Ann <${EMAIL.toUpperCase()}>` } });
  const other = anEvent(9, { properties: { note: `jo${EMAIL}` } });
  const bodies = [
    analyticsBody([...someEvents(1, 3), named, { ...anEvent(10), user: 'user-3', name: '' }]),
    analyticsBody([...someEvents(4, 6), other], { n: 2 }),
  ];
  for (const body of bodies) await engine.sendAndDeliver(body);
  const hours = () =>
    writeHours({ ...deps, columns: COLUMNS, onePartBytes: 1e6, mostBytes: 1e9 }, { remainingMs: 300_000 });
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
    seen: async () => (await viewAt(objects, clock.now())).map(({ id }) => Number(id.slice('event-'.length))).sort(),
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
  ['that name an address', { email: EMAIL }, [8]],
  ['of both', { email: EMAIL, user: 'user-3' }, [3, 8]],
])(
  'the events %s leave originals and Parquet, and no repeat of a message brings them back',
  async (_what, person, gone) => {
    const { engine, bodies, hours, erase, seen, text } = await start();
    const before = await seen();

    const { left } = await erase(person);
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
  },
);

test('an hour that is being written is erased after that', async () => {
  const { engine, erase, seen } = await start();
  const { clock, deps } = engine;
  const until = clock.now() + 5 * 60_000;
  await takeLease(deps, hoursKey, until);

  await erase({ user: 'user-3' });

  expect(clock.now()).toBeGreaterThanOrEqual(until);
  expect(await seen()).not.toContain(3);
});

test('the last write of a run that died lands before its hour is erased', async () => {
  const { engine, hours, erase, seen } = await start();
  const { clock, deps, objects } = engine;
  for (const key of await objects.list(hourIn(parquetPrefix(PREFIX), HOUR))) await objects.delete(key);
  await deps.table.delete(hoursKey, Number((await deps.table.get(hoursKey))?.version));
  const { create } = deps.objects;
  let land = async (): Promise<unknown> => undefined;
  await new Promise<void>((sent) => {
    deps.objects.create = async (...part) => {
      if (part[1].length === 0 || !part[0].includes(hourIn(parquetPrefix(PREFIX), HOUR))) return create(...part);
      land = () => objects.create(...part);
      sent();
      return new Promise(() => {});
    };
    void hours();
  });
  deps.objects.create = create;
  const until = Number((await deps.table.get(hoursKey))?.until);
  // S3 takes a signed request for a quarter of an hour.
  const { sleep } = clock;
  clock.sleep = async (ms) => {
    await sleep(ms);
    if (clock.now() >= until + 14 * 60_000) await land();
  };

  await erase({ user: 'user-3' });
  await land();

  expect(await seen()).not.toContain(3);
  expect(await seen()).toContain(2);
});

test.each([
  ['that the body of its job leads to', {}, []],
  ['that its hash leads to', { person: hashed(personOf(EMAIL))[0], time: 1 }, ['rows']],
])('a row that does not parse, and %s, is left and named with its body', async (_how, fields, places) => {
  const { engine, erase, seen } = await start();
  const row = jobKey('feedback', 'job-1');
  const key = bodyKey(PREFIX, 'feedback', 'job-1');
  await engine.deps.table.put({ key: row, version: 1, writer: '', ...fields }, 0);
  await engine.objects.put(key, JSON.stringify({ data: { user: { email: EMAIL } } }), 'application/json');

  const { left } = await erase({ email: EMAIL });

  expect(left).toEqual([
    ...places.map((place) => ({ place, key: row, why: 'RowDamaged' })),
    { place: 'bodies', key, why: expect.stringContaining('Restore the row') },
  ]);
  expect(await seen()).not.toContain(8);
});
