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

test('a budget that nobody has told anything about lets every job begin', () => {
  const { waitMs } = budget();

  expect([waitMs(), waitMs(), waitMs()]).toEqual([0, 0, 0]);
});

test('with a tenth left and more, jobs begin at once', () => {
  const { learn, waitMs } = budget();
  learn(headers(3500, 350));

  expect([waitMs(), waitMs()]).toEqual([0, 0]);
});

test('with less, they begin one after another, and the farther apart the less is left', () => {
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

test('one that waited as long as it was told may begin', () => {
  const { learn, waitMs, advance } = budget();
  learn(headers(3500, 200));
  waitMs();

  advance(waitMs());

  expect(waitMs()).toBe(0);
});

test('with too little left for a job none begins, until calls have come back', () => {
  const { learn, waitMs, advance } = budget();
  learn(headers(3500, 9));
  const wait = waitMs();

  expect(wait).toBe(10 * MINUTE_MS);
  advance(wait);
  expect(waitMs()).toBe(0);
});

test('an hour later nothing of what was told counts any more', () => {
  const { learn, waitMs, advance } = budget();
  learn(headers(3500, 0));

  advance(60 * MINUTE_MS);

  expect([waitMs(), waitMs()]).toEqual([0, 0]);
});

test.each([
  ['nothing', undefined],
  ['something else', 'user-minute-lim:10;'],
  ['half of it', 'user-hour-lim:3500;'],
  ['words', 'user-hour-lim:many;user-hour-rem:few;'],
])('a header that says %s says nothing', (_what, value) => {
  expect(callsLeft(value === undefined ? {} : { 'x-rate-limit': value })).toBeUndefined();
});

test('a header is read whatever the order of its parts', () => {
  expect(callsLeft({ 'x-rate-limit': 'user-hour-rem: 7; user-hour-lim: 3500' })).toEqual({ limit: 3500, left: 7 });
});
