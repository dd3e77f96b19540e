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

test('without an answer from Apple every job begins at once', () => {
  const { waitMs } = budget();

  expect([waitMs(), waitMs(), waitMs()]).toEqual([0, 0, 0]);
});

test('with at least a tenth of the calls left, jobs begin at once', () => {
  const { learn, waitMs } = budget();
  learn(headers(3500, 350));

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

test('an answer no longer counts after an hour', () => {
  const { learn, waitMs, advance } = budget();
  learn(headers(3500, 0));

  advance(60 * MINUTE_MS);

  expect([waitMs(), waitMs()]).toEqual([0, 0]);
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
