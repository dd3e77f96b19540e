import { createBudget } from '../../../lib/vendors/app-store-connect-transport';

const MINUTE_MS = 60_000;
const header = (left: number) => `user-hour-lim:3500;user-hour-rem:${left};`;

/** The waits of jobs that begin one after another, `ageMs` after an answer with this header. */
function waits(value: string | undefined, ageMs = 0): number[] {
  let now = 0;
  const { learn, waitMs } = createBudget(() => now);
  learn(value === undefined ? {} : { 'x-rate-limit': value });
  now += ageMs;
  return Array.from({ length: 3 }, () => {
    const wait = waitMs();
    now += wait;
    return wait;
  });
}

test.each<[string, string | undefined, number]>([
  ['without a header', undefined, 0],
  ['with at least a tenth of the calls left', header(350), 0],
  ['an hour after an answer', header(0), 60 * MINUTE_MS],
  ['with another limit', 'user-minute-lim:10;', 0],
  ['with the limit only', 'user-hour-lim:3500;', 0],
  ['with words for numbers', 'user-hour-lim:many;user-hour-rem:few;', 0],
])('%s every job begins at once', (_what, value, ageMs) => {
  expect(waits(value, ageMs)).toEqual([0, 0, 0]);
});

test('with fewer calls left, jobs begin one after another with longer pauses', () => {
  const all = [340, 200, 100].map((left) => waits(header(left)));
  const pauses = all.map(([, pause = 0]) => pause);

  // A job begins after it waited as long as it was asked to.
  expect(all.map(([first, , third]) => [first, third])).toEqual([0, 1, 2].map(() => [0, 0]));
  expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
  expect(pauses[0]).toBeGreaterThan(10_000);
  expect(pauses[2]).toBeLessThanOrEqual(30_000);
});

test('no job begins with too few calls left for it, until calls have come back', () => {
  expect(waits('user-hour-rem: 9; user-hour-lim: 3500').slice(0, 2)).toEqual([10 * MINUTE_MS, 0]);
});
