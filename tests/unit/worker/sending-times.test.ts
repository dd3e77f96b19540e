import { sendingTimes } from '../../../lib/worker/rate';

test.each([
  ['08:00–20:00', '2026-06-01T05:59:59Z', '2026-06-01T06:00:00Z'],
  ['08:00–20:00', '2026-06-01T17:59:59Z', '2026-06-01T17:59:59Z'],
  ['08:00–20:00', '2026-06-01T18:00:00Z', '2026-06-02T06:00:00Z'],
  // The clocks go forward an hour, and back.
  ['08:00–20:00', '2026-03-28T19:00:00Z', '2026-03-29T06:00:00Z'],
  ['08:00–20:00', '2026-10-24T18:00:00Z', '2026-10-25T07:00:00Z'],
  // 02:30 does not exist on that day.
  ['02:30–05:00', '2026-03-29T00:59:00Z', '2026-03-29T01:00:00Z'],
  ['22:00-06:00', '2026-06-01T12:00:00Z', '2026-06-01T20:00:00Z'],
  ['22:00-06:00', '2026-06-01T23:00:00Z', '2026-06-01T23:00:00Z'],
])('between %s in Berlin, what could go at %s goes at %s', (between, at, opens) => {
  const { opensAt } = sendingTimes({ zone: 'Europe/Berlin', between });
  expect(opensAt(Date.parse(at))).toBe(Date.parse(opens));
});

test('the day of the cap is that of the zone, also if it has 23 or 25 hours', () => {
  const { dayOf, nextDay } = sendingTimes({ zone: 'Europe/Berlin' });
  const days = ['2026-03-28T23:00:00Z', '2026-10-24T22:00:00Z'].map((time) => Date.parse(time));
  expect(days.map(dayOf)).toEqual(['2026-03-29', '2026-10-25']);
  expect(days.map((day) => (nextDay(day) - day) / 3_600_000)).toEqual([23, 25]);
});
