import { callsLeft, createBudget } from '../../../lib/vendors/app-store-connect-budget';

const headers = (limit: number, left: number) => ({ 'x-rate-limit': `user-hour-lim:${limit};user-hour-rem:${left};` });
const MINUTE_MS = 60_000;

function budget() {
  let now = 0;
  const made = createBudget(() => now);
  return {
    ...made,
    advance: (ms: number) => {
      now += ms;
    },
  };
}

test.each<[string, number | undefined, number]>([
  ['without an answer from Apple', undefined, 0],
  ['with at least a tenth of the calls left', 350, 0],
  ['an hour after an answer', 0, 60 * MINUTE_MS],
])('%s every job begins at once', (_what, left, ageMs) => {
  const { learn, waitMs, advance } = budget();
  if (left !== undefined) learn(headers(3500, left));

  advance(ageMs);

  expect([waitMs(), waitMs()]).toEqual([0, 0]);
});

test('with fewer calls left, jobs begin one after another with longer pauses', () => {
  const pauses = [340, 200, 100].map((left) => {
    const { learn, waitMs } = budget();
    learn(headers(3500, left));
    expect(waitMs()).toBe(0);
    return waitMs();
  });

  expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
  expect(pauses[0]).toBeGreaterThan(10_000);
  expect(pauses[2]).toBeLessThanOrEqual(30_000);
});

test('a job may begin after it waited as long as it was asked to', () => {
  const { learn, waitMs, advance } = budget();
  learn(headers(3500, 200));
  waitMs();

  advance(waitMs());

  expect(waitMs()).toBe(0);
});

test('no job begins with too few calls left for it, until calls have come back', () => {
  const { learn, waitMs, advance } = budget();
  learn(headers(3500, 9));
  const wait = waitMs();

  expect(wait).toBe(10 * MINUTE_MS);
  advance(wait);
  expect(waitMs()).toBe(0);
});

test.each([
  ['nothing', undefined, undefined],
  ['another limit', 'user-minute-lim:10;', undefined],
  ['only the limit', 'user-hour-lim:3500;', undefined],
  ['words for numbers', 'user-hour-lim:many;user-hour-rem:few;', undefined],
  ['its parts in another order', 'user-hour-rem: 7; user-hour-lim: 3500', { limit: 3500, left: 7 }],
])('a header with %s is read or ignored', (_what, value, calls) => {
  expect(callsLeft(value === undefined ? {} : { 'x-rate-limit': value })).toEqual(calls);
});
