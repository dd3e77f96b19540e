import fc from 'fast-check';
import { addressProblem, eventForm, problemOf } from '../../../../lib/queues/analytics/message';
import { ACCEPTED_AT, anEvent } from '../../../support/analytics';

const jobTime = Date.parse(ACCEPTED_AT);
/** The answer without and with the event's JSON, which must be the same. */
const problemsOf = (event: unknown) => [problemOf(event, jobTime), problemOf(event, jobTime, JSON.stringify(event))];

test.each([
  ['only the required fields', { id: 'e', name: 'n', time: ACCEPTED_AT }],
  ['all fields', anEvent(1, { device: 'phone', properties: { a: 'ü', b: 1.5, c: false, d: null } })],
  ['the maximum number of properties', anEvent(1, { properties: many(100) })],
  ['names in any script', anEvent(1, { properties: { 'größe in €': 1, 価格: 2, 'a/b:c': 3 } })],
  ['lists and objects to a depth of five', anEvent(1, { properties: { a: [{ b: [{ c: 'deep' }, 1] }, null] } })],
  ['line breaks in a property', anEvent(1, { properties: { text: 'a\nb\tc' } })],
])('an event with %s is valid', (_what, event) => {
  expect(problemsOf(event)).toEqual([undefined, undefined]);
});

function many(count: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, n]));
}

test.each<[string, unknown, string, string]>([
  ['null', null, '', 'must be an object'],
  ['a list', [], '', 'must be an object'],
  ['without an id', anEvent(1, { id: undefined }), 'id', 'must be 1 to 64 letters, digits or _.:-'],
  ['with a name that is a number', anEvent(1, { name: 7 }), 'name', 'must be 1 to 100 letters'],
  ['with a time without a zone', anEvent(1, { time: '2026-01-02T03:04:05' }), 'time', 'must be an ISO 8601 date'],
  ['with an empty user', anEvent(1, { user: '' }), 'user', 'must be 1 to 128 characters'],
  ['with a line break in the session', anEvent(1, { session: 'a\nb' }), 'session', 'must be 1 to 128 characters'],
  ['with DEL in the user', anEvent(1, { user: 'a\u007f' }), 'user', 'must be 1 to 128 characters'],
  ['with half a surrogate pair', anEvent(1, { device: 'a\ud800' }), 'device', 'must be 1 to 128 characters'],
  ['with a schema of zero', anEvent(1, { schema: 0 }), 'schema', 'must be a whole number from 1'],
  ['with properties in a list', anEvent(1, { properties: [1] }), 'properties', 'must be an object'],
  ['with 10,000 properties', anEvent(1, { properties: many(10_000) }), 'properties', 'must have at most 100 fields'],
  ['with a property without a name', anEvent(1, { properties: { '': 1 } }), 'properties', 'must have names of'],
  ['with an infinite number', JSON.parse('{"p":1e999}'), 'properties.p', 'must be a finite number'],
  ['with text that is not well-formed Unicode', { p: '\udfff' }, 'properties.p', 'must be well-formed Unicode'],
  ['with NUL', { p: 'a\u0000' }, 'properties.p', 'must not hold the character NUL'],
  ['with long text', { p: 'x'.repeat(2_001) }, 'properties.p', 'must be at most 2000 characters'],
  ['with a Map', { p: new Map() }, 'properties.p', 'must be text, a number, true, false, null, a list or an object'],
  ['with a depth of six', { p: [[[[[]]]]] }, 'properties.p', 'must be at most 5 deep'],
  ['with a list of 101', { p: [Array(101).fill(1)] }, 'properties.p', 'must have at most 100 entries'],
  ['with NUL inside', { p: [{ a: 'a\u0000' }] }, 'properties.p', 'must not hold the character NUL'],
  ['with a name with DEL inside', { p: { 'a\u007f': 1 } }, 'properties.p', 'must have names of'],
  [
    'whose property has an address as its name',
    { 'a@example.com': Number.POSITIVE_INFINITY },
    'properties',
    'must be a finite number',
  ],
  ['with an unknown field', { ...anEvent(1), 'private@example.com': 1 }, '', 'has an unknown field'],
])('an event %s is rejected with field and rule', (_what, given, field, rule) => {
  const event =
    field.startsWith('properties') && !('id' in (given as object)) ? anEvent(1, { properties: given }) : given;

  const problem = { field, rule: expect.stringContaining(rule) };
  expect(problemsOf(event)).toEqual([problem, problem]);
});

test.each<[string, object, string]>([
  ['a property', { contact: 'a@example.com' }, 'properties.contact'],
  ['a list in an object', { a: { b: ['x', 'a%40example.com'] } }, 'properties.a'],
  ['a name', { 'a@example.com': 1 }, 'properties'],
  ['a name inside', { a: [{ 'a@example.com': 1 }] }, 'properties.a'],
])('where no addresses may be, %s with one is named', (_what, properties, field) => {
  expect(addressProblem(anEvent(1, { properties } as never))).toEqual({
    field,
    rule: 'must not look like a mail address',
  });
});

test('what has one meaning inside of a property takes the form of the rules, and what contains itself is refused', () => {
  const properties = { a: [{ b: new Date(0), c: 'x\u0000', d: undefined }] };
  const endless: Record<string, unknown> = { n: 1 };
  endless.again = [endless];

  expect(eventForm(anEvent(1, { properties } as never)).properties).toEqual({
    a: [{ b: '1970-01-01T00:00:00.000Z', c: 'x' }],
  });
  expect(problemOf(eventForm(anEvent(1, { properties: endless } as never)), jobTime)).toEqual({
    field: 'properties.again',
    rule: 'must be at most 5 deep',
  });
});

test.each<[string, object, object | undefined]>([
  ['a clock that is a year late', { time: '2025-01-02T03:04:00Z', sent: '2025-01-02T03:04:10Z' }, undefined],
  ['a clock that is a year ahead', { time: '2027-01-02T03:04:00Z', sent: '2027-01-02T03:04:10Z' }, undefined],
  ['91 days before it was sent', { time: '2026-01-01T00:00:00Z', sent: '2026-04-03T00:00:00Z' }, { field: 'time' }],
  ['a time of sending that is none', { sent: 'now' }, { field: 'sent' }],
  ['a time of its receipt that is none', { received: 7 }, { field: 'received' }],
  ['an empty platform', { platform: '' }, { field: 'platform' }],
])('an event with %s is judged by its corrected time', (_what, changes, found) => {
  const expected = found ? expect.objectContaining(found) : undefined;
  expect(problemsOf(anEvent(1, changes as never))).toEqual([expected, expected]);
});

test('times are read exactly as Date.parse reads them, if the day exists', () => {
  const digits = (most: number, length = 2) =>
    fc.integer({ min: 0, max: most }).map((n) => `${n}`.padStart(length, '0'));
  const times = fc
    .tuple(
      fc.constantFrom('2024', '2026', '0000', '9999'),
      ...[digits(13), digits(32), digits(25), digits(61), digits(61)],
      fc.constantFrom('.000', '.999', '.678', '', '.5', '.123456'),
      fc.constantFrom('Z', 'Z', '+02:00'),
    )
    .map(([year, month, day, hour, ...rest]) => `${year}-${month}-${day}T${hour}:${rest[0]}:${rest.slice(1).join('')}`);
  fc.assert(
    fc.property(times, (time) => {
      const at = Date.parse(time);
      const problem = (job: number) => problemOf(anEvent(1, { time }), job)?.rule;

      const day = time.slice(0, 10);
      const exists = new Date(`${day}T00:00Z`).toJSON()?.startsWith(day);
      if (Number.isNaN(at) || !exists) expect(problem(jobTime)).toMatch('must be an ISO 8601 date and time');
      else
        expect([90, -1].flatMap((n) => [at + n * 86_400_000, at + n * 86_400_000 + Math.sign(n)].map(problem))).toEqual(
          [undefined, 'must be at most 90 days in the past', undefined, 'must be at most a day in the future'],
        );
    }),
    { numRuns: 500 },
  );
});
